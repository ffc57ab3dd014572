import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '@calbus/runtime/clock';
import { watchClearinghouse } from './clearinghouse-watch.ts';

type Look = 'up' | 'down' | undefined;

/** What is told at each look, one every 15 seconds: '-' nothing, 'up', or 'DOWN'. */
const told = async (looks: readonly Look[]): Promise<string[]> => {
  const over = new AbortController();
  const said: string[] = [];
  let elapsed = 0;
  const clock: Clock = {
    now: () => elapsed,
    monotonic: () => elapsed,
    sleep: (ms) => {
      elapsed += ms;
      if (said.length === looks.length) over.abort();
      else said.push('-');
      return Promise.resolve();
    },
  };
  const look = (): Promise<Look> => Promise.resolve(looks[said.length - 1]);
  const tell = ({ holds }: { readonly holds: boolean }): void => {
    said[said.length - 1] = holds ? 'DOWN' : 'up';
  };
  await watchClearinghouse({ look }, { setAlert: tell }, clock, over.signal);
  return said;
};

test('a link that is down for a minute is told, and that it is up again', async () => {
  assert.deepEqual(await told(['up', 'down', 'down', 'down', 'down', 'down', 'up']), [
    'up',
    'up',
    'up',
    'up',
    'up',
    'DOWN',
    'up',
  ]);
});

test('one that comes back within the minute begins anew', async () => {
  assert.deepEqual(
    await told(['down', 'down', 'down', 'up', 'down', 'down', 'down', 'down']),
    Array(8).fill('up'),
  );
});

test('a liaison that does not answer says nothing either way', async () => {
  const looks: Look[] = ['down', undefined, undefined, undefined, undefined, 'down', undefined, 'up'];
  assert.deepEqual(await told(looks), ['up', '-', '-', '-', '-', 'DOWN', '-', 'up']);
});
