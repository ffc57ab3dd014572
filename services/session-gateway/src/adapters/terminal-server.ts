// The terminal server's own rows decide, in the library that every terminal server embeds; here its words become the gateway's.

import { errorFacts, type Log } from '@calbus/runtime/log';
import type { Admission, TerminalServer } from '@calbus/terminal-server/client';
import type { Licensing, TemporaryLicense } from '../ports.ts';

const temporaryOf = (
  server: TerminalServer,
  a: Admission,
  hardwareId: string,
  presented: string | null,
): TemporaryLicense | null => {
  const outcome = a.decision?.outcome;
  if (outcome?.kind === 'license')
    return outcome.licenseKind === 'temporary' ? { licenseId: outcome.licenseId, hardwareId } : null;
  if (presented === null || a.notCounted !== null) return null;
  const checked = server.check(presented);
  return checked.ok && checked.claims.kind === 'temporary'
    ? { licenseId: checked.claims.jti, hardwareId }
    : null;
};

export const createLicensing = (server: TerminalServer, log: Log): Licensing => ({
  admit: async (device, presented) => {
    const a = await server.admit({ device, ...(presented === null ? {} : { presented }) });
    if (!a.admit) return { admit: false, row: a.row, code: a.refusal.code };
    const temporary = temporaryOf(server, a, device.hardwareId, presented);
    return { admit: true, row: a.row, license: a.license, temporary };
  },
  validated: ({ licenseId, hardwareId }) => {
    server.validated(licenseId, hardwareId).then(
      () => log.info({ hardwareId, licenseId }, 'the license is marked validated: a user has logged on'),
      (error: unknown) =>
        log.warn(
          { hardwareId, licenseId, ...errorFacts(error) },
          'a log-on is not confirmed yet; it is said again',
        ),
    );
  },
});
