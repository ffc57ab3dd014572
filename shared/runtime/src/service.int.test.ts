// A service that is told to stop ends with 0 and in time, also where one of its parts does not: that part is named in the log.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { startService } from '@calbus/test-support/service-process';

const source = `
import { z } from ${JSON.stringify(import.meta.resolve('zod'))};
import { runService } from ${JSON.stringify(new URL('service.ts', import.meta.url).href)};
await runService({
  name: 'trial',
  config: z.object({}),
  start: async (_, { log, onStop }) => {
    setInterval(() => {}, 1_000);
    onStop('the first', () => log.info('the first has stopped'));
    onStop('the second', () => new Promise(() => {}));
    onStop('the third', () => { throw new Error('no'); });
    onStop('the fourth', () => log.info('the fourth has stopped'));
  },
});
`;

test('a part that never stops keeps no other from stopping, and is named', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-service-'));
  try {
    const main = path.join(dir, 'main.mts');
    writeFileSync(main, source);
    const service = await startService({ main, ready: /"msg":"ready"/ });
    assert.deepEqual(await service.stop(), { code: 0, signal: null }, service.stdout());
    // What is said last may come in another order: the log is written beside the work.
    const said = service.lines().map((line) => JSON.parse(line) as { msg: string; what?: string });
    assert.deepEqual(
      new Set(said.map(({ what, msg }) => (what === undefined ? msg : `${what}: ${msg}`))),
      new Set([
        'starting',
        'ready',
        'stopping',
        'the fourth has stopped',
        'the third: did not stop cleanly',
        'the second: did not stop in time',
        'the first has stopped',
        'stopped',
      ]),
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
