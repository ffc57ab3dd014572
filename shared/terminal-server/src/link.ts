// The connection to NATS: made in the background, tried until it is there, and made anew where the client gave up on it.

import {
  connect as connectNats,
  Events,
  nkeyAuthenticator,
  nkeys,
  type ConnectionOptions,
  type NatsConnection,
} from 'nats';
import { decode, encode, type Body, type Contract } from '@calbus/contracts/envelope';
import { fault, type Fault } from '@calbus/contracts/faults';
import { terminalServerInbox } from '@calbus/contracts/identities';
import { subjects } from '@calbus/contracts/subjects';
import { trustChanged, trustRequest, trustSnapshot } from '@calbus/contracts/terminal-server-messages';
import { newId } from '@calbus/licenses/ids';
import { natsTlsOptions, natsTlsProblem } from '@calbus/runtime/nats-tls';
import type { Enqueue } from './request-client.ts';
import { openQueue } from './request-queue.ts';
import type { Sleep } from './sleep.ts';

export type LinkState = { readonly kind: 'connected' } | { readonly kind: 'away'; readonly why: string };

export type Link = {
  readonly enqueue: Enqueue;
  readonly askForTrust: () => void;
  readonly state: () => LinkState;
  /** It has been away for so long that a caller need not wait for it: why; else undefined. */
  readonly gone: () => Fault | undefined;
  /** Settles with the first try, whether it succeeded or not. */
  readonly tried: Promise<void>;
  /** Messages on this terminal server's subjects that were none of calbus's. */
  readonly ignored: () => number;
  readonly close: () => Promise<void>;
};

export type LinkListener = {
  /** False where the bytes are no decision and no fault. */
  readonly decision: (bytes: Uint8Array) => boolean;
  readonly trust: (snapshot: Body<typeof trustSnapshot>) => void;
  /** The connection is there, or is there again. */
  readonly up: () => void;
  /** It has been away for so long that nobody need wait for it. */
  readonly gone: (why: Fault) => void;
};

export type LinkOptions = {
  readonly servers: string | readonly string[];
  readonly ca?: string | undefined;
  readonly seed: string;
  readonly terminalServerId: string;
};

const RETRY_DELAY_MS = 500;
/** Longer than another node of NATS takes to answer; so long a caller waits for a connection to come back. */
const MAX_ABSENCE_MS = 3_000;

const optionsOf = ({ servers: given, ca, seed, terminalServerId: id }: LinkOptions): ConnectionOptions => {
  nkeys.fromSeed(new TextEncoder().encode(seed)); // a seed that is none is said at once
  const servers = typeof given === 'string' ? [given] : [...given];
  const problem = natsTlsProblem(servers, ca, 'The option "ca"');
  if (problem !== undefined) throw new Error(`${problem}.`);
  return {
    ...natsTlsOptions(servers, ca),
    servers,
    name: `terminal-server-${id}`,
    authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
    inboxPrefix: terminalServerInbox(id),
    timeout: 5_000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    // A connection that is dead without a word is noticed within 15 s instead of minutes.
    pingInterval: 5_000,
    maxPingOut: 2,
    // Else it notes for each request from where in the code it came, which costs more than the request.
    noAsyncTraces: true,
  };
};

export const openLink = (o: LinkOptions, user: LinkListener, sleep: Sleep): Link => {
  const id = o.terminalServerId;
  const options = optionsOf(o);
  const end = new AbortController();
  let nc: NatsConnection | undefined;
  let queue: Enqueue | undefined;
  let state: LinkState = { kind: 'connected' };
  let goneAt: NodeJS.Timeout | undefined;
  let gone: Fault | undefined;
  let ignored = 0;

  const listen = <C extends Contract>(
    at: NatsConnection,
    subject: string,
    contract: C,
    take: (body: Body<C>) => void,
  ): void => {
    at.subscribe(subject, {
      callback: (error, m) => {
        const decoded = error ? undefined : decode([contract], m.data);
        if (decoded?.ok) take(decoded.message.body);
        else ignored += 1;
      },
    });
  };
  const listenForDecisions = (at: NatsConnection): void => {
    // An iterator would throw where NATS refuses the subscription, and whoever embeds this would end with it.
    at.subscribe(subjects.decision.to(id), {
      callback: (error, m) => {
        if (error || !user.decision(m.data)) ignored += 1;
      },
    });
  };
  const askForTrust = (): void => {
    if (!nc || nc.isClosed()) return;
    nc.publish(subjects.trust.request(id), encode(trustRequest, { id: newId(), sentAt: Date.now() }, {}));
  };
  const away = (why: string): void => {
    if (state.kind === 'connected')
      goneAt = setTimeout(() => {
        gone = fault('UNREACHABLE', 'NATS has been away for some seconds.');
        user.gone(gone);
      }, MAX_ABSENCE_MS).unref();
    state = { kind: 'away', why };
  };
  away('not connected yet');
  const up = (): void => {
    clearTimeout(goneAt);
    gone = undefined;
    state = { kind: 'connected' };
    askForTrust();
    user.up();
  };
  const watch = async (at: NatsConnection): Promise<void> => {
    for await (const { type } of at.status()) {
      if (type === Events.Disconnect) away('the connection was lost');
      if (type === Events.Reconnect) up();
    }
  };
  const use = (at: NatsConnection): void => {
    nc = at;
    queue = openQueue(at, terminalServerInbox(id));
    listenForDecisions(at);
    listen(at, subjects.trust.snapshot(id), trustSnapshot, user.trust);
    listen(at, subjects.trust.changed, trustChanged, askForTrust);
    void watch(at);
    up();
  };
  /** One connection, for as long as it lasts. */
  const oneConnection = async (): Promise<string> => {
    const at = await connectNats(options);
    if (end.signal.aborted) {
      await at.close();
      return 'closed';
    }
    use(at);
    tried();
    return (await at.closed())?.message ?? 'the connection was closed';
  };
  let tried: () => void = () => {};
  const first = new Promise<void>((resolve) => (tried = resolve));
  const keepConnected = async (): Promise<void> => {
    while (!end.signal.aborted) {
      const why = await oneConnection().catch((e: unknown) => (e instanceof Error ? e.message : String(e)));
      away(why);
      tried();
      await sleep(RETRY_DELAY_MS, end.signal);
    }
  };
  void keepConnected();

  return {
    enqueue: async (subject, bytes) =>
      nc && queue && !nc.isClosed()
        ? queue(subject, bytes)
        : fault('UNREACHABLE', 'There is no connection to NATS.'),
    askForTrust,
    state: () => state,
    gone: () => gone,
    tried: first,
    ignored: () => ignored,
    close: async () => {
      end.abort();
      clearTimeout(goneAt);
      await nc?.close();
    },
  };
};
