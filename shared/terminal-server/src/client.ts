// What a terminal server embeds: asks for licenses, reports log-ons, and verifies every license it is given.
//
// A request is published to the queue and its answer awaited on the terminal server's own decision subject; asking.ts says when it
// is published again.

import { connect as connectNats, Events, nkeyAuthenticator, type NatsConnection } from 'nats';
import { decode, encode, type Body, type Contract } from '@calbus/contracts/envelope';
import { fault, FaultError } from '@calbus/contracts/faults';
import { terminalServerInbox } from '@calbus/contracts/identities';
import { UNACTIVATED } from '@calbus/contracts/license';
import { subjects } from '@calbus/contracts/subjects';
import {
  licenseRequest,
  licenseValidated,
  trustChanged,
  trustRequest,
  trustSnapshot,
} from '@calbus/contracts/terminal-server-messages';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import { checkLicense, type LicenseCheck } from '@calbus/trust/licenses';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createAsking, type Decision, type Sleep } from './asking.ts';
import { publishToQueue } from './queue.ts';

export type { Decision } from './asking.ts';

export type TerminalServerOptions = {
  readonly servers: string | readonly string[];
  /** The nkey seed of this terminal server's identity. */
  readonly seed: string;
  readonly terminalServerId: string;
  readonly mode: LicensingMode;
  /** The version of the terminal server, which CALs must serve. */
  readonly version: ProductVersion;
  /** Clearinghouse roots, in PEM. */
  readonly roots: readonly string[];
  /** How long a call waits, in milliseconds; 8,000 unless told otherwise. */
  readonly waitsMs?: number;
};

export type LicenseAsk = {
  /** `hardwareId`: 40 hex digits; upper case is folded. */
  readonly device: { readonly hardwareId: string; readonly name: string };
  readonly user?: { readonly name: string; readonly domain?: string; readonly authenticatedBy?: string };
  /** The license the client presented. */
  readonly presented?: string;
  readonly validatedLicenseId?: string;
  /** Fresh unless given; the same id again gives the same outcome. */
  readonly requestId?: string;
};

export type TerminalServer = {
  /** The license server's decision. Rejects with a FaultError: TIMEOUT, BUSY, UNREACHABLE, or what was wrong with the request. */
  readonly request: (ask: LicenseAsk) => Promise<Decision>;
  /** Reports a log-on from the device that holds this temporary license. */
  readonly validated: (licenseId: string, hardwareId: string) => Promise<Decision>;
  /** Whether a license is genuine, by what is known of who may sign; works without any connection. */
  readonly check: (license: string) => LicenseCheck;
  /** Messages on this terminal server's subjects that were none of calbus's. */
  readonly ignored: () => number;
  readonly close: () => Promise<void>;
};

const newId = (): string => randomBytes(16).toString('base64url');
/** An abort only wakes the sleeper early. */
const sleep: Sleep = (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined);
const TRUST_WAIT_MS = 3_000;
const TRUST_AGAIN_MS = 250;

export const connect = async (o: TerminalServerOptions): Promise<TerminalServer> => {
  const id = o.terminalServerId;
  const waitsMs = o.waitsMs ?? 8_000;
  const nc = await connectNats({
    servers: typeof o.servers === 'string' ? o.servers : [...o.servers],
    name: `terminal-server-${id}`,
    authenticator: nkeyAuthenticator(new TextEncoder().encode(o.seed)),
    inboxPrefix: terminalServerInbox(id),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    // A connection that is dead without a word is noticed within 15 s instead of minutes.
    pingInterval: 5_000,
    maxPingOut: 2,
  });
  const asking = createAsking((subject, bytes) => publishToQueue(nc, subject, bytes), sleep, waitsMs);
  let trust: Body<typeof trustSnapshot> | undefined;
  const trustWaiters = new Set<() => void>();
  let ignored = 0;

  const askForTrust = (): void =>
    nc.publish(subjects.trust.request(id), encode(trustRequest, { id: newId(), sentAt: Date.now() }, {}));
  const listen = (
    subject: string,
    contracts: readonly Contract[],
    take: (type: string, body: unknown) => void,
  ): void => {
    nc.subscribe(subject, {
      callback: (error, m) => {
        const decoded = error ? undefined : decode(contracts, m.data);
        if (decoded?.ok) take(decoded.message.type, decoded.message.body);
        else ignored += 1;
      },
    });
  };

  const check = (license: string): LicenseCheck =>
    checkLicense(license, {
      roots: o.roots,
      issuing: new Map(trust?.issuing.map((i) => [i.kid, i.chain])),
      licenseServerId: trust?.licenseServerId ?? UNACTIVATED,
    });
  const trustChange = (): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        trustWaiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, TRUST_WAIT_MS);
      trustWaiters.add(done);
      askForTrust();
    });
  /**
   * A license signed after our last snapshot may carry a key we do not know yet, and so may the issuer that is asked next: ask
   * again for a while before saying no.
   */
  const verified = async (d: Decision, hardwareId: string): Promise<Decision> => {
    if (d.outcome.kind !== 'license') return d;
    let result = check(d.outcome.license);
    const until = performance.now() + TRUST_WAIT_MS;
    while (!result.ok && performance.now() < until) {
      await trustChange();
      result = check(d.outcome.license);
      if (!result.ok) await delay(TRUST_AGAIN_MS);
    }
    const { licenseId } = d.outcome;
    if (result.ok && result.claims.jti === licenseId && result.claims.sub === hardwareId) return d;
    const why = result.ok ? 'it is another license, or of another device, than was decided' : result.why;
    throw new FaultError(fault('INVALID_BODY', `The license that was granted does not verify: ${why}.`));
  };

  nc.subscribe(subjects.decision.to(id), {
    callback: (error, m) => {
      if (error || !asking.take(m.data)) ignored += 1;
    },
  });
  listen(subjects.trust.snapshot(id), [trustSnapshot], (_type, body) => {
    trust = body as Body<typeof trustSnapshot>;
    for (const wake of trustWaiters) wake();
  });
  listen(subjects.trust.changed, [trustChanged], askForTrust);
  onReconnect(nc, () => {
    askForTrust();
    asking.reconnected();
  });
  await trustChange();

  const stamp = (requestId: string) => ({ id: newId(), sentAt: Date.now(), correlationId: requestId });

  return {
    request: async ({ device, user, presented, validatedLicenseId, requestId = newId() }) => {
      const body: Body<typeof licenseRequest> = {
        requestId,
        waitsMs,
        mode: o.mode,
        version: o.version,
        device: { hardwareId: device.hardwareId.toLowerCase(), name: device.name },
        ...(user ? { user } : {}),
        ...(presented === undefined ? {} : { presented }),
        ...(validatedLicenseId === undefined ? {} : { validatedLicenseId }),
      };
      const bytes = encode(licenseRequest, stamp(requestId), body);
      return verified(
        await asking.ask(subjects.license.request(id), requestId, bytes),
        body.device.hardwareId,
      );
    },
    validated: async (licenseId, hardwareId) => {
      const requestId = newId();
      const body = { requestId, waitsMs, licenseId, hardwareId: hardwareId.toLowerCase() };
      return asking.ask(
        subjects.license.validated(id),
        requestId,
        encode(licenseValidated, stamp(requestId), body),
      );
    },
    check,
    ignored: () => ignored,
    close: async () => {
      asking.end(fault('UNREACHABLE', 'The connection was closed.'));
      await nc.close();
    },
  };
};

const onReconnect = (nc: NatsConnection, then: () => void): void => {
  void (async () => {
    for await (const status of nc.status()) if (status.type === Events.Reconnect) then();
  })();
};
