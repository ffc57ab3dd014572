// One license server as this terminal server knows it: the connection, whom it trusts, what is asked of it and told to it.

import { encode, type Body } from '@calbus/contracts/envelope';
import { fault, FaultError, type Fault } from '@calbus/contracts/faults';
import { subjects } from '@calbus/contracts/subjects';
import { licenseRequest } from '@calbus/contracts/terminal-server-messages';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import { createRequestClient, type RequestClient, type Decision, type StartTimer } from './request-client.ts';
import type { ServerState } from './persisted-state.ts';
import { openLink, type Link } from './link.ts';
import type { LicenseRequest, LicenseServerOptions } from './options.ts';
import type { Sleep } from './sleep.ts';
import { createReportQueue, type TerminalServerState, type ReportQueue } from './report-queue.ts';
import { createRequestBatcher } from './request-batcher.ts';
import { createLicenseVerifier, type LicenseVerifier } from './license-verifier.ts';

export type LicenseServer = {
  readonly name: string | null;
  readonly state: ServerState;
  readonly link: Link;
  readonly verifier: LicenseVerifier;
  readonly reports: ReportQueue;
  /** The decision, verified. Rejects with a FaultError. */
  readonly request: (ask: ModedRequest, waitsMs: number) => Promise<Decision>;
  /** Resolves once it was tried to reach it and, where that succeeded, whom to trust is known. */
  readonly ready: Promise<void>;
  readonly close: () => Promise<void>;
};

export type ModedRequest = LicenseRequest & {
  readonly requestId: string;
  readonly mode: LicensingMode;
  readonly version: ProductVersion;
};

export type LicenseServerDeps = {
  readonly options: LicenseServerOptions & { readonly name?: string; readonly terminalServerId: string };
  readonly state: ServerState;
  readonly waitsMs: number;
  readonly newId: () => string;
  readonly now: () => number;
  readonly terminalServerState: () => TerminalServerState | null;
  readonly sleep: Sleep;
  readonly startTimer: StartTimer;
};

export const openLicenseServer = (d: LicenseServerDeps): LicenseServer => {
  const { options, state, waitsMs, newId, sleep, startTimer } = d;
  const id = options.terminalServerId;
  const link = openLink(
    options,
    {
      decision: (bytes) => asking.receive(bytes),
      trust: (snapshot) => {
        trusting.update(snapshot);
        telling.retryAll();
      },
      up: () => asking.reconnected(),
      gone: (why) => asking.end(why),
    },
    sleep,
  );
  const asking = createRequestClient(link.enqueue, startTimer, waitsMs, (all) => trusting.verifyBatch(all));
  /** Nobody waits for the deadline where it is known that no answer can come. */
  const ask: RequestClient['ask'] = (...of) => {
    const gone = link.gone();
    return gone ? Promise.reject(new FaultError(gone)) : asking.ask(...of);
  };
  const together = createRequestBatcher({
    enqueue: link.enqueue,
    terminalServerId: id,
    newId,
    maxRequests: () => state.now().trust?.mostTogether ?? 1,
  });
  const trusting = createLicenseVerifier(state, options.roots, link.askForTrust, sleep);
  const telling = createReportQueue({
    state: state,
    client: { ask },
    terminalServerId: id,
    waitsMs,
    newId,
    now: d.now,
    terminalServerState: d.terminalServerState,
    chainFor: trusting.chainFor,
  });
  const ready = async (): Promise<void> => {
    // Who is asked first is known first; but nobody waits for a license server that is away.
    const told = trusting.nextSnapshot();
    await Promise.race([link.tried, told]);
    if (link.state().kind === 'connected') await told;
  };

  return {
    name: options.name ?? null,
    state: state,
    link,
    verifier: trusting,
    reports: telling,
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
      return trusting.verifyDecision(decision, body.device.hardwareId);
    },
    ready: ready(),
    close: async () => {
      asking.end(fault('UNREACHABLE', 'The connection was closed.'));
      trusting.end();
      await link.close();
    },
  };
};
