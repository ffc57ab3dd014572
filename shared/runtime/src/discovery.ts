// NATS' service discovery ($SRV.PING, INFO and STATS), so that standard tools list the services. The client library's own answers
// whatever reply the caller names; here answers go only to the inboxes of those who may look.

import type { Msg, NatsConnection } from 'nats';
import type { EndpointStatistics, Endpoints } from './endpoints.ts';
import { newId } from './ids.ts';
import { errorFacts, type Log } from './log.ts';

export type DiscoveryOptions = {
  readonly nc: NatsConnection;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** The inboxes of those who may look. */
  readonly callers: readonly string[];
  readonly endpoints: Endpoints;
  readonly log: Log;
};

const verbs = ['PING', 'INFO', 'STATS'] as const;
type Verb = (typeof verbs)[number];

const NANOSECONDS = 1_000_000;

const statsOf = ({
  name,
  subject,
  queue,
  requests,
  errors,
  lastError,
  spent,
}: EndpointStatistics): object => ({
  name,
  subject,
  queue_group: queue,
  num_requests: requests,
  num_errors: errors,
  last_error: lastError ?? '',
  processing_time: Math.round(spent * NANOSECONDS),
  average_processing_time: requests === 0 ? 0 : Math.round((spent * NANOSECONDS) / requests),
});

/** Answers until the connection closes. */
export const answerDiscovery = (o: DiscoveryOptions): void => {
  const { nc, name, version, description, endpoints, log } = o;
  const id = newId();
  const started = new Date().toISOString();
  const of = (verb: Verb): object => {
    const said = { type: `io.nats.micro.v1.${verb.toLowerCase()}_response`, name, id, version, metadata: {} };
    switch (verb) {
      case 'PING':
        return said;
      case 'INFO': {
        const shown = endpoints
          .list()
          .map(({ name, subject, queue }) => ({ name, subject, queue_group: queue, metadata: {} }));
        return { ...said, description, endpoints: shown };
      }
      case 'STATS':
        return { ...said, started, endpoints: endpoints.list().map(statsOf) };
    }
  };
  const answer = (verb: Verb, { reply = '' }: Msg): void => {
    if (o.callers.some((inbox) => reply.startsWith(`${inbox}.`))) nc.publish(reply, JSON.stringify(of(verb)));
  };
  for (const verb of verbs) {
    for (const who of ['', `.${name}`, `.${name}.${id}`]) {
      nc.subscribe(`$SRV.${verb}${who}`, {
        callback: (error, msg) => {
          if (error) log.warn({ verb, ...errorFacts(error) }, 'service discovery is not answered');
          else answer(verb, msg);
        },
      });
    }
  }
};
