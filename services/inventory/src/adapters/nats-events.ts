// The stream of events. An event that cannot be stored is in the log all the same.

import type { JetStreamClient } from 'nats';
import { encode } from '@calbus/contracts/envelope';
import { operatorEvent, type EventName } from '@calbus/contracts/events';
import { subjects } from '@calbus/contracts/subjects';
import type { Clock } from '@calbus/runtime/clock';
import { newId } from '@calbus/runtime/ids';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { OperatorEventsDeps } from '../projections/operator-events.ts';

export const natsEvents =
  (
    js: JetStreamClient,
    clock: Clock,
    log: Log,
    count: (event: EventName) => void,
  ): OperatorEventsDeps['put'] =>
  (event) => {
    count(event.event);
    const bytes = encode(operatorEvent, { id: newId(), sentAt: clock.now() }, event);
    js.publish(subjects.event(event.event), bytes).catch((error: unknown) =>
      log.warn({ name: event.event, ...errorFacts(error) }, 'an event could not be stored'),
    );
  };
