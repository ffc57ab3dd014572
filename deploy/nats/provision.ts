// Creates the streams and the consumer of the request queue as streams.ts plans them, in both accounts. It is idempotent: existing
// streams are kept, and made stricter if the plan is stricter.

import {
  AckPolicy,
  connect,
  ErrorCode,
  nkeyAuthenticator,
  type JetStreamManager,
  type NatsConnection,
} from 'nats';
import { setTimeout as sleep } from 'node:timers/promises';
import { identities } from '@calbus/contracts/identities';
import { requestsConsumer, streams, type StreamPlan } from '@calbus/contracts/streams';
import { jetStreamErrorOf, undefinedIfMissing } from '@calbus/runtime/jetstream-error';
import { tlsAdvice, type TlsNames } from '@calbus/runtime/tls-advice';
import { natsTlsOptions } from '@calbus/runtime/nats-tls';
import { consumerLimits, planStreamChange, streamConfig } from '@calbus/runtime/stream-config';

export type ProvisionOptions = {
  readonly servers: readonly string[];
  /** The certificate authority of the server in PEM, for TLS. Default: the authorities that Node trusts. */
  readonly ca?: string | undefined;
  /** The nkey seeds of the two provisioner identities. */
  readonly seeds: { readonly provisioner: string; readonly 'provisioner-ledger': string };
  /** Copies of each stream: 1 on a single node, 3 on a cluster. */
  readonly replicas: number;
  /** A new limit of the ledger on disk in bytes. An operator may raise and lower the limit with it. */
  readonly ledgerMaxBytes?: number;
  /** Called with one line for each stream or consumer: created, changed, or as planned. */
  readonly say: (line: string) => void;
  /** Timeouts: for the server (30 s), and for a cluster to elect its leaders (90 s). */
  readonly withinMs?: number;
};

const NOT_FOUND = 404;
/** JetStream is starting, has no leader yet, or has too few peers. */
const NOT_YET: ReadonlySet<number> = new Set([10_005, 10_008, 10_009, 10_074]);

const apiErrorOf = (error: unknown): { code: number; errCode: number; says: string } => {
  const api = jetStreamErrorOf(error);
  if (api) return api;
  if (typeof error !== 'object' || error === null) return { code: 0, errCode: 0, says: String(error) };
  const says = error instanceof Error ? error.message : 'error';
  return { code: 'code' in error ? Number(error.code) : Number.NaN, errCode: 0, says };
};

const patiently = async <T>(deadline: number, what: string, act: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      const { code, errCode, says } = apiErrorOf(error);
      const mayYetWork = NOT_YET.has(errCode) || code === 503 || says === 'TIMEOUT';
      if (code === NOT_FOUND && !NOT_YET.has(errCode)) throw error;
      if (!mayYetWork || performance.now() > deadline) {
        throw new Error(`${what} failed: ${says}. See the log of nats-server.`, { cause: error });
      }
      await sleep(250);
    }
  }
};

const limitLedger = async (
  jsm: JetStreamManager,
  o: ProvisionOptions,
  maxBytes: number,
  deadline: number,
): Promise<void> => {
  const { name } = streams.ledger;
  const what = `Stream ${name}`;
  const { config, state } = await patiently(deadline, what, () => jsm.streams.info(name));
  if (config.max_bytes === maxBytes) return;
  if (maxBytes < state.bytes)
    throw new Error(`${what} holds ${state.bytes} bytes already. A limit of ${maxBytes} is too low.`);
  await patiently(deadline, what, () => jsm.streams.update(name, { max_bytes: maxBytes }));
  o.say(`${what}: may use ${maxBytes} bytes.`);
};

const provisionStream = async (
  jsm: JetStreamManager,
  plan: StreamPlan,
  o: ProvisionOptions,
  deadline: number,
): Promise<void> => {
  const what = `Stream ${plan.name}`;
  const info = await undefinedIfMissing(patiently(deadline, what, () => jsm.streams.info(plan.name)));
  if (info === undefined) {
    await patiently(deadline, what, () => jsm.streams.add(streamConfig(plan, o.replicas)));
    o.say(`${what}: made. ${plan.about}`);
    return;
  }
  const change = planStreamChange(info.config, plan, o.replicas);
  switch (change.kind) {
    case 'none':
      o.say(`${what}: there, as planned or stricter.`);
      return;
    case 'update':
      await patiently(deadline, what, () => jsm.streams.update(plan.name, change.config));
      o.say(`${what}: brought up to the plan (${change.fields.join(', ')}).`);
      return;
    case 'impossible':
      throw new Error(change.says);
  }
};

const provisionConsumer = async (
  jsm: JetStreamManager,
  o: ProvisionOptions,
  deadline: number,
): Promise<void> => {
  const { stream, name } = requestsConsumer;
  const what = `Consumer ${name} of ${stream}`;
  const found = await undefinedIfMissing(patiently(deadline, what, () => jsm.consumers.info(stream, name)));
  if (found && (found.config.deliver_subject || found.config.ack_policy !== AckPolicy.Explicit)) {
    throw new Error(`${what} exists and does not belong to calbus. Delete it, then run this again.`);
  }
  const wanted = consumerLimits(requestsConsumer);
  if (found && Object.entries(wanted).every(([k, v]) => found.config[k as keyof typeof wanted] === v)) {
    o.say(`${what}: there, as planned.`);
    return;
  }
  await patiently(deadline, what, () =>
    found
      ? jsm.consumers.update(stream, name, wanted)
      : jsm.consumers.add(stream, { durable_name: name, ack_policy: AckPolicy.Explicit, ...wanted }),
  );
  o.say(`${what}: ${found ? 'brought up to the plan' : 'made'}.`);
};

const tlsNames: TlsNames = {
  server: 'NATS',
  url: 'CALBUS_NATS_URL',
  caFile: 'CALBUS_NATS_CA_FILE',
  scheme: 'tls://',
};

const mayYetAnswer: ReadonlySet<string> = new Set([
  ErrorCode.ConnectionRefused,
  ErrorCode.ConnectionTimeout,
  ErrorCode.Timeout,
]);

/** The driver waits forever for the first connection, so this function makes its own attempts. */
const connectAs = async (
  role: 'provisioner' | 'provisioner-ledger',
  o: ProvisionOptions,
  deadline: number,
): Promise<NatsConnection> => {
  for (;;) {
    try {
      return await connect({
        ...natsTlsOptions(o.servers, o.ca),
        servers: [...o.servers],
        name: role,
        authenticator: nkeyAuthenticator(new TextEncoder().encode(o.seeds[role])),
        inboxPrefix: identities[role].inbox,
        reconnect: false,
        timeout: 2_000,
      });
    } catch (error) {
      const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
      const { says } = tlsAdvice(error, tlsNames);
      if (!mayYetAnswer.has(code) || performance.now() > deadline) {
        if (says !== undefined) throw new Error(says, { cause: error });
        throw new Error(
          `Cannot connect to ${o.servers.join(', ')} as ${role} (${apiErrorOf(error).says}): is nats-server running there, with a configuration rendered for this key?`,
          { cause: error },
        );
      }
      await sleep(250);
    }
  }
};

/** Throws an Error with one sentence if the server is unreachable, refuses, or has a foreign stream with the same name. */
export const provision = async (o: ProvisionOptions): Promise<void> => {
  const deadline = performance.now() + (o.withinMs ?? (o.replicas > 1 ? 90_000 : 30_000));
  for (const role of ['provisioner', 'provisioner-ledger'] as const) {
    const nc = await connectAs(role, o, deadline);
    try {
      const jsm = await nc.jetstreamManager({ checkAPI: false });
      const { account } = identities[role];
      for (const plan of Object.values(streams)) {
        if (plan.account === account) await provisionStream(jsm, plan, o, deadline);
      }
      if (role === 'provisioner') await provisionConsumer(jsm, o, deadline);
      else if (o.ledgerMaxBytes !== undefined) await limitLedger(jsm, o, o.ledgerMaxBytes, deadline);
    } finally {
      await nc.close();
    }
  }
};
