import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createReadiness } from './readiness.ts';

describe('readiness', () => {
  test('a service is ready while it runs and every condition that it needs holds', () => {
    const readiness = createReadiness('issuer', '1.2.3');
    let wrong: string | undefined = 'NATS is not connected.';
    readiness.needs('nats', () => wrong);
    readiness.shows('redis', () => 'Redis is away.');
    readiness.fact('role', () => 'leader');
    assert.deepEqual(Object.keys(readiness.waitsFor()), ['started', 'nats']);
    readiness.enter('running');
    assert.deepEqual(readiness.waitsFor(), { nats: 'NATS is not connected.' });
    assert.equal(readiness.look().ready, false);
    wrong = undefined;
    assert.deepEqual(readiness.look(), {
      service: 'issuer',
      version: '1.2.3',
      state: 'running',
      ready: true,
      conditions: {
        started: { holds: true, needed: true },
        nats: { holds: true, needed: true },
        redis: { holds: false, needed: false, says: 'Redis is away.' },
      },
      facts: { role: 'leader' },
    });
    readiness.enter('stopping');
    assert.equal(readiness.look().ready, false);
  });

  test('a condition that cannot be looked at does not hold', () => {
    const readiness = createReadiness('clearinghouse', '1');
    readiness.enter('running');
    readiness.needs('register', () => {
      throw new Error('disk I/O error');
    });
    assert.equal(readiness.look().ready, false);
    assert.match(readiness.waitsFor()['register'] ?? '', /could not be looked at.*disk I\/O error/);
  });
});
