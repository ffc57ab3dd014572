// Dead letters: messages that a service cannot handle. They keep the bytes, so that an operator can see them.

import type { JetStreamClient } from 'nats';
import { encode } from '@calbus/contracts/envelope';
import { faultCodes, type Fault, type FaultCode } from '@calbus/contracts/faults';
import { deadLetter } from '@calbus/contracts/dead-letter';
import { subjects } from '@calbus/contracts/subjects';
import type { Clock } from './clock.ts';
import { readCorrelation } from './correlation.ts';
import { newId } from './ids.ts';
import { errorFacts, type Log } from './log.ts';
import type { Metrics } from './metrics.ts';

const MAX_STORED_BYTES = 262_144;

export type DeadLetter = {
  readonly subject: string;
  readonly fault: Fault;
  readonly deliveries: number;
  readonly bytes: Uint8Array;
};

export type DeadLetters = {
  /** True once the letter is stored. A letter that cannot be stored is logged and never throws. */
  readonly put: (dead: DeadLetter) => Promise<boolean>;
};

/** Counts what is put aside, by why. */
export const countDeadLetters = (metrics: Metrics): ((code: FaultCode) => void) =>
  metrics.countBy(
    'calbus_dead_letters_total',
    'Messages that could not be handled and were put aside, by the code of the fault.',
    'code',
    faultCodes,
  );

export const natsDeadLetters = (
  js: JetStreamClient,
  service: string,
  clock: Clock,
  log: Log,
  count: (code: FaultCode) => void = () => {},
): DeadLetters => ({
  put: async ({ subject, fault, deliveries, bytes }) => {
    count(fault.code);
    const { code, detail: says } = fault;
    const facts = { subject, code, says, deliveries, size: bytes.byteLength, ...readCorrelation(bytes) };
    log.warn(facts, 'message put aside');
    try {
      await js.publish(
        subjects.dead(service),
        encode(
          deadLetter,
          { id: newId(), sentAt: clock.now() },
          {
            service,
            subject: subject.slice(0, 512),
            code: fault.code,
            says: fault.detail.slice(0, 500),
            deliveries,
            bytes: Buffer.from(bytes.subarray(0, MAX_STORED_BYTES)).toString('base64'),
            truncated: bytes.byteLength > MAX_STORED_BYTES,
          },
        ),
      );
      return true;
    } catch (error) {
      log.error({ ...facts, ...errorFacts(error) }, 'a dead letter could not be stored');
      return false;
    }
  },
});
