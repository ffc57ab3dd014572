// The connection to NATS. It is made in the background, retried until it succeeds, and made again when the NATS client gives up.

import {
  connect as connectNats,
  Events,
  nkeyAuthenticator,
  nkeys,
  type ConnectionOptions,
  type NatsConnection,
} from 'nats';
import { decode, encode, type Body, type Contract, type Message } from '@calbus/contracts/envelope';
import { fault, type Fault } from '@calbus/contracts/faults';
import { terminalServerInbox } from '@calbus/contracts/identities';
import { subjects } from '@calbus/contracts/subjects';
import { trustChanged, trustRequest, trustSnapshot } from '@calbus/contracts/terminal-server-messages';
import { newId } from '@calbus/runtime/ids';
import { natsTlsOptions, natsTlsProblem } from '@calbus/runtime/nats-tls';
import type { Enqueue } from './request-client.ts';
import { openQueue } from './request-queue.ts';
import type { Sleep } from './sleep.ts';

export type LinkState = { readonly kind: 'connected' } | { readonly kind: 'away'; readonly why: string };

export type Link = {
  readonly enqueue: Enqueue;
  readonly askForTrust: () => void;
  readonly state: () => LinkState;
  /** The fault for callers once the connection has been away too long to wait for it; else undefined. */
  readonly gone: () => Fault | undefined;
  /** Resolves after the first attempt, successful or not. */
  readonly tried: Promise<void>;
  /** The number of messages on this terminal server's subjects that calbus did not send. */
  readonly ignored: () => number;
  readonly close: () => Promise<void>;
};

export type LinkListener = {
  /** False if the bytes are neither a decision nor a fault. */
  readonly decision: (bytes: Uint8Array) => boolean;
  readonly trust: (snapshot: Body<typeof trustSnapshot>) => void;
  /** The connection is established, for the first time or again. */
  readonly up: () => void;
  /** The connection has been away too long for callers to wait. */
  readonly gone: (why: Fault) => void;
};

export type LinkOptions = {
  readonly servers: string | readonly string[];
  readonly ca?: string | undefined;
  readonly seed: string;
  readonly terminalServerId: string;
};

const RETRY_DELAY_MS = 500;
/** A caller waits this long for the connection to come back. Another NATS node answers sooner. */
const MAX_ABSENCE_MS = 3_000;

const optionsOf = ({ servers: given, ca, seed, terminalServerId: id }: LinkOptions): ConnectionOptions => {
  nkeys.fromSeed(new TextEncoder().encode(seed)); // throws at once if the seed is invalid
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
    // Detects a silent dead connection within 15 s instead of minutes.
    pingInterval: 5_000,
    maxPingOut: 2,
    // Without this the driver creates a stack trace for each request, which costs more than the request.
    noAsyncTraces: true,
  };
};

/** Whether the connection is there. After MAX_ABSENCE_MS away, `onGone` is called and callers need not wait. */
const createPresence = (onGone: (why: Fault) => void) => {
  let state: LinkState = { kind: 'connected' };
  let gone: Fault | undefined;
  let timer: NodeJS.Timeout | undefined;
  return {
    state: () => state,
    gone: () => gone,
    away: (why: string): void => {
      if (state.kind === 'connected')
        timer = setTimeout(() => {
          gone = fault('UNREACHABLE', 'NATS has been away for some seconds.');
          onGone(gone);
        }, MAX_ABSENCE_MS).unref();
      state = { kind: 'away', why };
    },
    up: (): void => {
      clearTimeout(timer);
      gone = undefined;
      state = { kind: 'connected' };
    },
    end: () => clearTimeout(timer),
  };
};

/** Subscribes to a subject that carries one kind of message. `onOther` is called for any other message. */
const subscribe = <C extends Contract>(
  nc: NatsConnection,
  subject: string,
  contract: C,
  onMessage: (message: Message<C>) => void,
  onOther: () => void,
): void => {
  nc.subscribe(subject, {
    callback: (error, m) => {
      const decoded = error ? undefined : decode([contract], m.data);
      if (decoded?.ok) onMessage(decoded.message);
      else onOther();
    },
  });
};

const watch = async (nc: NatsConnection, away: (why: string) => void, up: () => void): Promise<void> => {
  for await (const { type } of nc.status()) {
    if (type === Events.Disconnect) away('the connection was lost');
    if (type === Events.Reconnect) up();
  }
};

export const openLink = (o: LinkOptions, user: LinkListener, sleep: Sleep): Link => {
  const id = o.terminalServerId;
  const options = optionsOf(o);
  const end = new AbortController();
  const presence = createPresence(user.gone);
  let nc: NatsConnection | undefined;
  let queue: Enqueue | undefined;
  let ignored = 0;
  const ignore = (): void => {
    ignored += 1;
  };

  const askForTrust = (): void => {
    if (!nc || nc.isClosed()) return;
    nc.publish(subjects.trust.request(id), encode(trustRequest, { id: newId(), sentAt: Date.now() }, {}));
  };
  const up = (): void => {
    presence.up();
    askForTrust();
    user.up();
  };
  const use = (at: NatsConnection): void => {
    nc = at;
    queue = openQueue(at, terminalServerInbox(id));
    // A callback, because an iterator throws when NATS refuses the subscription, which would end the embedding process.
    at.subscribe(subjects.decision.to(id), {
      callback: (error, m) => {
        if (error || !user.decision(m.data)) ignore();
      },
    });
    subscribe(at, subjects.trust.snapshot(id), trustSnapshot, ({ body }) => user.trust(body), ignore);
    subscribe(at, subjects.trust.changed, trustChanged, askForTrust, ignore);
    void watch(at, presence.away, up);
    up();
  };
  /** Serves one connection until it closes. */
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
  const { promise: firstAttempt, resolve: tried } = Promise.withResolvers<void>();
  const keepConnected = async (): Promise<void> => {
    while (!end.signal.aborted) {
      const why = await oneConnection().catch((e: unknown) => (e instanceof Error ? e.message : String(e)));
      presence.away(why);
      tried();
      await sleep(RETRY_DELAY_MS, end.signal);
    }
  };
  presence.away('not connected yet');
  void keepConnected();

  return {
    enqueue: async (subject, bytes) =>
      nc && queue && !nc.isClosed()
        ? queue(subject, bytes)
        : fault('UNREACHABLE', 'There is no connection to NATS.'),
    askForTrust,
    state: presence.state,
    gone: presence.gone,
    tried: firstAttempt,
    ignored: () => ignored,
    close: async () => {
      end.abort();
      presence.end();
      await nc?.close();
    },
  };
};
