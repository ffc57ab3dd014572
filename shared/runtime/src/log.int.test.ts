import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';

const log = new URL('log.ts', import.meta.url).href;
const printedBy = (acts: string): Record<string, unknown>[] => {
  const program = `const { createLog } = await import(${JSON.stringify(log)}); const log = createLog('issuer'); ${acts}`;
  const args = ['--input-type=module', '-e', program];
  const out = execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};
const written = (facts: string): Record<string, unknown> => {
  const [line = {}, ...more] = printedBy(`log.info(${facts}, 'a text');`);
  assert.deepEqual(more, []);
  return line;
};

describe('a line of the log', () => {
  test('is JSON, with when, which service and which level', () => {
    const line = written('{ requestId: "r1", correlationId: "c1" }');
    assert.equal(line['service'], 'issuer');
    assert.equal(line['level'], 'info');
    assert.equal(line['msg'], 'a text');
    assert.ok(Number.isFinite(Date.parse(String(line['time']))));
    assert.deepEqual([line['requestId'], line['correlationId']], ['r1', 'c1']);
  });

  test('shows no secret, also where the facts hold one by accident', () => {
    const line = written('{ config: { natsSeedFile: "the seed", natsUrl: "nats://a:b@c:1" } }');
    assert.deepEqual(line['config'], { natsSeedFile: '[redacted]', natsUrl: 'nats://[redacted]@c:1' });
  });

  test('waits where they come too fast, but not all of them, and it says how many were dropped', () => {
    const lines = printedBy(`for (let i = 0; i < 60_000; i += 1) log.info({ i }, 'one of too many');`);
    const kept = lines.filter((l) => l['msg'] === 'one of too many').length;
    const [told, ...again] = lines.filter((l) => l['level'] === 'warn');
    assert.ok(kept > 10_000, `${kept} of 60,000 were kept`);
    assert.equal(kept + Number(told?.['lines']), 60_000);
    assert.deepEqual(again, []);
  });
});
