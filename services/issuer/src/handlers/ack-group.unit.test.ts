import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createAckGroup, type AckGroup } from './ack-group.ts';

/** A message that notes what became of it. */
const noted = (): { readonly message: AckGroup; readonly fates: (number | 'done')[] } => {
  const fates: (number | 'done')[] = [];
  return {
    fates,
    message: { acknowledge: () => fates.push('done'), retry: (ms) => fates.push(ms) },
  };
};

test('a message is settled once, by the last of its requests: it comes again where one of them is to, after the longest wait', () => {
  const outcome = fc.option(fc.nat(5_000), { nil: undefined });
  fc.assert(
    fc.property(fc.array(outcome, { minLength: 1, maxLength: 40 }), (outcomes) => {
      const { message, fates } = noted();
      const part = createAckGroup(message, outcomes.length);
      for (const ms of outcomes) {
        assert.deepEqual(fates, []);
        if (ms === undefined) part.acknowledge();
        else part.retry(ms);
      }
      const waits = outcomes.filter((ms) => ms !== undefined);
      assert.deepEqual(fates, waits.length === 0 ? ['done'] : [Math.max(...waits)]);
    }),
  );
});
