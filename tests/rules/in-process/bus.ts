// Messages between the parts of one process: publish, subscribe and request as on core NATS, without a server. The copies that go
// through a real NATS prove the wiring (rules.flow.test.ts).

import { ErrorCode, NatsError, type Msg, type NatsConnection, type Subscription } from 'nats';

type Listener = {
  readonly pattern: readonly string[];
  readonly queue: string | undefined;
  readonly take: (m: Msg) => void;
};

const isMatch = (pattern: readonly string[], subject: readonly string[]): boolean => {
  const isTail = pattern.at(-1) === '>';
  if (isTail ? subject.length < pattern.length : subject.length !== pattern.length) return false;
  return pattern.every((token, i) => token === '*' || token === '>' || token === subject[i]);
};

const none = new Uint8Array();
const messageOf = (subject: string, data: Uint8Array, reply: string | undefined): Msg =>
  ({
    subject,
    data,
    reply,
    sid: 1,
    respond: () => false,
    json: () => undefined,
    string: () => '',
  }) as unknown as Msg;

/** What a connection of this class sends goes to all listeners but is answered under its own inbox. */
export type MemoryBus = { readonly connect: (inbox: string) => NatsConnection };

export const memoryBus = (): MemoryBus => {
  const listeners = new Set<Listener>();
  let requests = 0;
  const publish = (subject: string, data: Uint8Array = none, reply?: string): number => {
    const tokens = subject.split('.');
    const found = [...listeners].filter((l) => isMatch(l.pattern, tokens));
    const queues = new Set<string>();
    for (const l of found) {
      if (l.queue !== undefined && queues.has(l.queue)) continue;
      if (l.queue !== undefined) queues.add(l.queue);
      queueMicrotask(() => listeners.has(l) && l.take(messageOf(subject, data, reply)));
    }
    return found.length;
  };
  const listen = (subject: string, queue: string | undefined, take: (m: Msg) => void): (() => void) => {
    const listener = { pattern: subject.split('.'), queue, take };
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  return {
    connect: (inbox) => {
      const own = new Set<() => void>();
      let closed = false;
      const connection = {
        publish: (subject: string, data?: Uint8Array, o?: { reply?: string }) =>
          void publish(subject, data, o?.reply),
        subscribe: (
          subject: string,
          o: { queue?: string; callback: (error: null, m: Msg) => void },
        ): Subscription => {
          const end = Promise.withResolvers<void>();
          const forget = listen(subject, o.queue, (m) => o.callback(null, m));
          own.add(forget);
          const unsubscribe = (): void => {
            forget();
            own.delete(forget);
            end.resolve();
          };
          return { unsubscribe, closed: end.promise } as unknown as Subscription;
        },
        request: (subject: string, data?: Uint8Array) =>
          new Promise<Msg>((resolve, reject) => {
            const reply = `${inbox}.${(requests += 1)}`;
            const forget = listen(reply, undefined, (m) => {
              forget();
              resolve(m);
            });
            if (publish(subject, data, reply) > 0) return;
            forget();
            reject(new NatsError('no responders', ErrorCode.NoResponders));
          }),
        isClosed: () => closed,
        close: async () => {
          closed = true;
          for (const forget of own) forget();
        },
      };
      return connection as unknown as NatsConnection;
    },
  };
};
