// The Clearinghouse's metrics.

import {
  clearinghouseCommand,
  clearinghouseReason,
  type ClearinghouseReason,
} from '@calbus/contracts/clearinghouse';
import type { Clock } from '@calbus/runtime/clock';
import { faultCodes } from '@calbus/contracts/faults';
import { SECONDS, type Metrics } from '@calbus/runtime/metrics';
import type { OutcomeLabel, Delivery, Outcome } from '../handlers/command-handler.ts';

const isReason = (about: OutcomeLabel): about is ClearinghouseReason =>
  clearinghouseReason.safeParse(about).success;

/** Wraps a handler with its metrics. */
export const countCommands = (
  metrics: Metrics,
  clock: Clock,
  handle: (delivery: Delivery) => Promise<Outcome>,
): ((delivery: Delivery) => Promise<Outcome>) => {
  const types = clearinghouseCommand.options.map((o) => o.shape.type.value);
  const answered = metrics.countBy(
    'calbus_commands_answered_total',
    'Commands of license servers that were done, and answers that were given once more, by command.',
    'command',
    [...types, 'repeated'],
  );
  const rejected = metrics.countBy(
    'calbus_commands_rejected_total',
    'Commands of license servers that were rejected, by reason.',
    'reason',
    clearinghouseReason.options,
  );
  const dead = metrics.countBy(
    'calbus_dead_letters_total',
    'Messages that could not be handled and became dead letters, by the code of the fault.',
    'code',
    faultCodes,
  );
  const seconds = metrics.spread(
    'calbus_command_seconds',
    'How long the decision on a command took, until it was in the register, in seconds.',
    SECONDS,
  );
  return async (delivery) => {
    const begun = clock.monotonic();
    const outcome = await handle(delivery);
    seconds((clock.monotonic() - begun) / 1_000);
    if (outcome.kind === 'dead') dead(outcome.fault.code);
    else if (isReason(outcome.label)) rejected(outcome.label);
    else answered(outcome.label);
    return outcome;
  };
};
