// Licensing by the terminal server's library. The rows at the terminal server decide, and this adapter translates the decision.

import path from 'node:path';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { connect, type Admission, type TerminalServer } from '@calbus/terminal-server/client';
import { fileStore } from '@calbus/terminal-server/file-store';
import type { Config } from '../config.ts';
import type { Licensing, TemporaryLicense } from '../ports.ts';

/** Clients give up about nine seconds after they connected. */
const DECISION_TIMEOUT_MS = 3_500;

export const connectTerminalServer = (c: Config, now: () => number): Promise<TerminalServer> =>
  connect({
    servers: c.natsUrl,
    ...(c.natsCaFile === undefined ? {} : { ca: c.natsCaFile }),
    seed: c.natsSeedFile,
    terminalServerId: c.terminalServerId,
    mode: 'per-device',
    version: c.version,
    roots: [c.clearinghouseRootFile],
    store: fileStore(path.join(c.dataDir, 'terminal-server.json')),
    waitsMs: DECISION_TIMEOUT_MS,
    now,
  });

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
          'a log-on is not confirmed yet; the report is repeated',
        ),
    );
  },
});
