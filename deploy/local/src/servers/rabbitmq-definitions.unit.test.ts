import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rabbitUser } from './rabbitmq-definitions.ts';

test('hashes as the documented example does', () => {
  // RabbitMQ's guide "Passwords": password test12 with the salt 908D C60A.
  assert.equal(
    rabbitUser('u', 'test12', Buffer.from('908DC60A', 'hex')).password_hash,
    'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR',
  );
});

test('salts at random: the same password gives another hash', () => {
  assert.notEqual(rabbitUser('u', 'p').password_hash, rabbitUser('u', 'p').password_hash);
});
