// What the liaison counts, and what of its store is shown to Prometheus.

import { clearinghouseMethod } from '@calbus/contracts/liaison-messages';
import type { Clock } from '@calbus/runtime/clock';
import type { Labels, Metrics } from '@calbus/runtime/metrics';
import type { AnswerOutcome } from '../handlers/clearinghouse-answer.ts';
import { hasNewerCopy } from '../handlers/clone-detection.ts';
import type { CommandLink, Store } from '../ports.ts';

export const countAnswers = (
  metrics: Metrics,
  handle: (bytes: Uint8Array) => AnswerOutcome,
): ((bytes: Uint8Array) => AnswerOutcome) => {
  const count = metrics.countBy(
    'calbus_clearinghouse_answers_total',
    'Answers of the Clearinghouse, by what became of them.',
    'outcome',
    ['applied', 'repeated', 'dead'],
  );
  return (bytes) => {
    const outcome = handle(bytes);
    count(outcome.kind);
    return outcome;
  };
};

export type MetricSources = {
  readonly store: Store;
  readonly outlet: Pick<CommandLink, 'isUp'>;
  readonly clock: Clock;
};

export const liaisonMetrics = (metrics: Metrics, { store, outlet, clock }: MetricSources): void => {
  const since = (at: number): number => (clock.now() - at) / 1_000;
  metrics.value('calbus_link_up', 'Whether RabbitMQ is connected, and answers are taken.', () =>
    outlet.isUp() ? 1 : 0,
  );
  metrics.values(
    'calbus_outbox_commands',
    'Commands that the Clearinghouse has not answered, by the road on which they go there.',
    ['road'],
    () => {
      const open = store.openCommands();
      return clearinghouseMethod.options.map((by): [Labels, number] => [
        { road: by },
        open.filter((c) => c.road === by).length,
      ]);
    },
  );
  metrics.value(
    'calbus_outbox_oldest_seconds',
    'How long the oldest of those waits that go by RabbitMQ, in seconds; 0 where there is none.',
    () => {
      const oldest = store.openCommands().find((c) => c.road === 'automatic');
      return oldest ? Math.max(0, since(oldest.askedAt)) : 0;
    },
  );
  metrics.value(
    'calbus_answers_to_record',
    'Answers of the Clearinghouse that inventory has not recorded yet.',
    () => store.answeredCommands().length,
  );
  metrics.value(
    'calbus_issuing_key_left_seconds',
    'How long the newest issuing key is still in date; absent where there is none.',
    () => {
      const ends = store.keys().map((key) => key.notAfter);
      return ends.length === 0 ? undefined : -since(Math.max(...ends));
    },
  );
  metrics.value(
    'calbus_superseded',
    'Whether the Clearinghouse has given a later epoch to another copy of this license server.',
    () => (hasNewerCopy(store) ? 1 : 0),
  );
};
