import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';

const log = new URL('log.ts', import.meta.url).href;
const written = (facts: string): Record<string, unknown> => {
  const program = `const { createLog } = await import(${JSON.stringify(log)}); createLog('issuer').info(${facts}, 'a text');`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  return JSON.parse(out) as Record<string, unknown>;
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
});
