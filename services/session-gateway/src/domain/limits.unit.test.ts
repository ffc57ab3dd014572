import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { addressGroup, createUsageCounter, exceededLimit, type Limits } from './limits.ts';

describe('limits', () => {
  test('IPv4 counts by address, IPv6 by /64', () => {
    assert.equal(addressGroup('192.0.2.7'), '192.0.2.7');
    assert.equal(addressGroup('::ffff:192.0.2.7'), '192.0.2.7');
    assert.equal(addressGroup('2001:db8:0:1::7'), addressGroup('2001:0db8:0000:1:ffff:1:2:3'));
    assert.notEqual(addressGroup('2001:db8:0:1::7'), addressGroup('2001:db8:0:2::7'));
    assert.equal(addressGroup('fe80::1%eth0'), addressGroup('fe80::2%eth1'));
    assert.equal(addressGroup('::1'), '0:0:0:0');
    fc.assert(fc.property(fc.string(), (text) => typeof addressGroup(text) === 'string'));
    fc.assert(fc.property(fc.ipV6(), (address) => addressGroup(address).split(':').length === 4));
  });

  test('each limit refuses one more connection', () => {
    const limits: Limits = { connections: 10, connectionsPerAddress: 3, handshakesPerAddress: 2 };
    assert.equal(exceededLimit(limits, 9, undefined), undefined);
    assert.match(exceededLimit(limits, 10, undefined) ?? '', /the gateway has its maximum of connections/);
    assert.equal(exceededLimit(limits, 9, { connections: 2, handshakes: 1 }), undefined);
    assert.match(
      exceededLimit(limits, 9, { connections: 3, handshakes: 0 }) ?? '',
      /the address has its maximum of connections/,
    );
    assert.match(
      exceededLimit(limits, 9, { connections: 2, handshakes: 2 }) ?? '',
      /the address has its maximum of handshakes/,
    );
  });

  test('the counter forgets an address whose connections are closed', () => {
    const usage = createUsageCounter({ connections: 2, connectionsPerAddress: 1, handshakesPerAddress: 1 });
    usage.add('a', { connections: 1, handshakes: 1 });
    assert.match(usage.exceededLimit('a') ?? '', /the address has its maximum of connections/);
    assert.equal(usage.exceededLimit('b'), undefined);
    usage.add('b', { connections: 1, handshakes: 1 });
    assert.match(usage.exceededLimit('c') ?? '', /the gateway has its maximum of connections/);
    usage.add('a', { connections: -1, handshakes: -1 });
    assert.equal(usage.exceededLimit('a'), undefined);
  });
});
