// One license server as this terminal server knows it: the connection, whom it trusts, what is asked of it and told to it.

import { encode, type Body } from '@calbus/contracts/envelope';
import { fault, FaultError, type Fault } from '@calbus/contracts/faults';
import { subjects } from '@calbus/contracts/subjects';
import { licenseRequest } from '@calbus/contracts/terminal-server-messages';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import { createAsking, type Asking, type Decision, type Later } from './asking.ts';
import type { KnownOf } from './keeping.ts';
import { openLink, type Link } from './link.ts';
import type { LicenseAsk, LicenseServerOptions } from './options.ts';
import type { Sleep } from './sleep.ts';
import { createTelling, type Standing, type Telling } from './telling.ts';
import { createTogether } from './together.ts';
import { createTrusting, type Trusting } from './trusting.ts';

export type LicenseServer = {
  readonly name: string | null;
  readonly known: KnownOf;
  readonly link: Link;
  readonly trusting: Trusting;
  readonly telling: Telling;
  /** The decision, verified. Rejects with a FaultError. */
  readonly request: (ask: Asked, waitsMs: number) => Promise<Decision>;
  /** Resolves once it was tried to reach it and, where that succeeded, whom to trust is known. */
  readonly ready: Promise<void>;
  readonly close: () => Promise<void>;
};

export type Asked = LicenseAsk & {
  readonly requestId: string;
  readonly mode: LicensingMode;
  readonly version: ProductVersion;
};

export type LicenseServerDeps = {
  readonly options: LicenseServerOptions & { readonly name?: string; readonly terminalServerId: string };
  readonly known: KnownOf;
  readonly waitsMs: number;
  readonly newId: () => string;
  readonly now: () => number;
  readonly standing: () => Standing | null;
  readonly sleep: Sleep;
  readonly later: Later;
};

export const openLicenseServer = (d: LicenseServerDeps): LicenseServer => {
  const { options, known, waitsMs, newId, sleep, later } = d;
  const id = options.terminalServerId;
  const link = openLink(
    options,
    {
      decision: (bytes) => asking.take(bytes),
      trust: (snapshot) => {
        trusting.take(snapshot);
        telling.again();
      },
      up: () => asking.reconnected(),
      gone: (why) => asking.end(why),
    },
    sleep,
  );
  const asking = createAsking(link.enqueue, later, waitsMs, (all) => trusting.told(all));
  /** Nobody waits for the deadline where it is known that no answer can come. */
  const ask: Asking['ask'] = (...of) => {
    const gone = link.gone();
    return gone ? Promise.reject(new FaultError(gone)) : asking.ask(...of);
  };
  const together = createTogether({
    enqueue: link.enqueue,
    terminalServerId: id,
    newId,
    most: () => known.now().trust?.mostTogether ?? 1,
  });
  const trusting = createTrusting(known, options.roots, link.askForTrust, sleep);
  const telling = createTelling({
    keeping: known,
    asking: { ask },
    terminalServerId: id,
    waitsMs,
    newId,
    now: d.now,
    standing: d.standing,
    chainFor: trusting.chainFor,
  });
  const ready = async (): Promise<void> => {
    // Who is asked first is known first; but nobody waits for a license server that is away.
    const told = trusting.next();
    await Promise.race([link.tried, told]);
    if (link.state().kind === 'connected') await told;
  };

  return {
    name: options.name ?? null,
    known,
    link,
    trusting,
    telling,
    request: async (asked, waits) => {
      const { requestId, mode, version, device, user, presented, validatedLicenseId } = asked;
      const presentedChain = presented === undefined ? undefined : trusting.chainFor(presented);
      const body: Body<typeof licenseRequest> = {
        requestId,
        waitsMs: waits,
        mode,
        version,
        device: { hardwareId: device.hardwareId.toLowerCase(), name: device.name },
        ...(user ? { user } : {}),
        ...(presented === undefined ? {} : { presented }),
        ...(presentedChain === undefined ? {} : { presentedChain }),
        ...(validatedLicenseId === undefined ? {} : { validatedLicenseId }),
      };
      const stamp = { id: newId(), sentAt: Date.now(), correlationId: requestId };
      let encoded: Uint8Array | undefined;
      const bytes = (): Uint8Array => (encoded ??= encode(licenseRequest, stamp, body));
      const first = (): Promise<Fault | undefined> => together({ body, bytes });
      const message = { subject: subjects.license.request(id), requestId, bytes, first };
      const decision = await ask(message, waits);
      return trusting.verified(decision, body.device.hardwareId);
    },
    ready: ready(),
    close: async () => {
      asking.end(fault('UNREACHABLE', 'The connection was closed.'));
      trusting.end();
      await link.close();
    },
  };
};
