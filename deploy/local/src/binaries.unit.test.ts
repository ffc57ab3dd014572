import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNewEnoughNatsVersion } from './binaries.ts';

// 2.9 refuses to start with `sync_interval`, so it must never count as usable.
for (const [printed, usable] of [
  ['nats-server: v2.9.10', false],
  ['nats-server: v2.10.0', true],
  ['nats-server: v2.15.1', true],
  ['nats-server: v3.0.0', true],
  ['nats-server: v1.99.0', false],
  ['something else', false],
] as const) {
  test(`"${printed}" is ${usable ? 'new enough' : 'not usable'}`, () => {
    assert.equal(isNewEnoughNatsVersion(printed), usable);
  });
}
