// One license server, seen from this terminal server: the connection, the trusted keys, the requests and the reports.

import { encode, type Body } from '@calbus/contracts/envelope';
import { fault, FaultError, type Fault } from '@calbus/contracts/faults';
import { subjects } from '@calbus/contracts/subjects';
import { licenseRequest } from '@calbus/contracts/terminal-server-messages';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import type { Environment } from './environment.ts';
import { createRequestClient, type RequestClient, type Decision } from './request-client.ts';
import type { ServerState } from './persisted-state.ts';
import type { Link } from './link.ts';
import type { LicenseRequest, LicenseServerOptions } from './options.ts';
import { createReportQueue, type TerminalServerState, type ReportQueue } from './report-queue.ts';
import { createRequestBatcher } from './request-batcher.ts';
import { createLicenseVerifier, type LicenseVerifier } from './license-verifier.ts';

export type LicenseServer = {
  readonly name: string | null;
  readonly state: ServerState;
  readonly link: Link;
  readonly verifier: LicenseVerifier;
  readonly reports: ReportQueue;
  /** The verified decision. Rejects with a FaultError. */
  readonly request: (ask: ModedRequest, waitsMs: number) => Promise<Decision>;
  /** Resolves after the first connection attempt and, if it succeeded, after the first trust snapshot. */
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
  readonly environment: Environment;
};

const requestBody = (
  request: ModedRequest,
  presentedChain: string[] | undefined,
  waitsMs: number,
): Body<typeof licenseRequest> => {
  const { requestId, mode, version, device, user, presented, validatedLicenseId } = request;
  return {
    requestId,
    waitsMs,
    mode,
    version,
    device: { hardwareId: device.hardwareId.toLowerCase(), name: device.name },
    ...(user ? { user } : {}),
    ...(presented === undefined ? {} : { presented }),
    ...(presentedChain === undefined ? {} : { presentedChain }),
    ...(validatedLicenseId === undefined ? {} : { validatedLicenseId }),
  };
};

export const openLicenseServer = (d: LicenseServerDeps): LicenseServer => {
  const { options, state, waitsMs, newId, environment } = d;
  const { sleep, startTimer } = environment;
  const id = options.terminalServerId;
  const link = environment.openLink(
    options,
    {
      decision: (bytes) => client.receive(bytes),
      trust: (snapshot) => {
        verifier.update(snapshot);
        reports.retryAll();
      },
      up: () => client.reconnected(),
      gone: (why) => client.end(why),
    },
    sleep,
  );
  const client = createRequestClient(link.enqueue, startTimer, waitsMs, (all) => verifier.verifyBatch(all));
  /** Fails at once when no answer can come, instead of at the deadline. */
  const ask: RequestClient['ask'] = (...of) => {
    const gone = link.gone();
    return gone ? Promise.reject(new FaultError(gone)) : client.ask(...of);
  };
  const enqueueFirst = createRequestBatcher({
    enqueue: link.enqueue,
    terminalServerId: id,
    newId,
    maxRequests: () => state.now().trust?.mostTogether ?? 1,
  });
  const verifier = createLicenseVerifier(state, options.roots, link.askForTrust, environment);
  const reports = createReportQueue({
    state,
    client: { ask },
    terminalServerId: id,
    waitsMs,
    newId,
    now: d.now,
    terminalServerState: d.terminalServerState,
    chainFor: verifier.chainFor,
  });
  const ready = async (): Promise<void> => {
    // The first trust snapshot is awaited only from a license server that is connected.
    const snapshot = verifier.nextSnapshot();
    await Promise.race([link.tried, snapshot]);
    if (link.state().kind === 'connected') await snapshot;
  };

  return {
    name: options.name ?? null,
    state,
    link,
    verifier,
    reports,
    request: async (request, timeoutMs) => {
      const { requestId, presented } = request;
      const chain = presented === undefined ? undefined : verifier.chainFor(presented);
      const body = requestBody(request, chain, timeoutMs);
      const stamp = { id: newId(), sentAt: Date.now(), correlationId: requestId };
      let encoded: Uint8Array | undefined;
      const bytes = (): Uint8Array => (encoded ??= encode(licenseRequest, stamp, body));
      const first = (): Promise<Fault | undefined> => enqueueFirst({ body, bytes });
      const message = { subject: subjects.license.request(id), requestId, bytes, first };
      const decision = await ask(message, timeoutMs);
      return verifier.verifyDecision(decision, body.device.hardwareId);
    },
    ready: ready(),
    close: async () => {
      client.end(fault('UNREACHABLE', 'The connection was closed.'));
      verifier.end();
      await link.close();
    },
  };
};
