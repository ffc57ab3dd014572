// Service discovery is answered to those who may look, and never to a subject that a caller chose outside their inboxes.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inboxes } from '@calbus/contracts/identities';
import { answerDiscovery } from '@calbus/runtime/discovery';
import { createEndpoints } from '@calbus/runtime/endpoints';
import { createLog } from '@calbus/runtime/log';
import { eventually } from '@calbus/test-support/eventually';
import { oncePerFile } from '@calbus/test-support/servers';
import { startSecurityHarness, type Peer, type SecurityHarness } from './harness.ts';
import { allSubjects } from './expected-permissions.ts';

const site = oncePerFile(startSecurityHarness);
const callers = [inboxes.operator, inboxes.observer];
const inAnyInbox = (subject: string): boolean => callers.some((inbox) => subject.startsWith(`${inbox}.`));

const answering = async (
  s: SecurityHarness,
  name: 'issuer' | 'inventory' | 'clearinghouse-liaison',
): Promise<Peer> => {
  const peer = await s.as(name);
  const log = createLog('test', 'silent');
  const endpoints = createEndpoints();
  endpoints.open('cal.v1.license.*.*', 'issuers').done(2, 'TIMEOUT');
  answerDiscovery({ nc: peer.nc, name, version: '1.2.3', description: 'It is.', callers, endpoints, log });
  await peer.settle();
  return peer;
};

suite('service discovery', () => {
  for (const name of ['issuer', 'inventory', 'clearinghouse-liaison'] as const) {
    test(`${name} sends nothing to any subject that a caller names outside the inboxes of those who may look`, async () => {
      const s = await site();
      const service = await answering(s, name);
      for (const who of ['observer', 'operator'] as const) {
        const caller = await s.as(who);
        const sent = service.nc.stats().outMsgs;
        for (const reply of allSubjects.filter((subject) => !inAnyInbox(subject)))
          for (const verb of ['PING', 'INFO', 'STATS'])
            caller.nc.publish(`$SRV.${verb}.${name}`, undefined, { reply });
        for (const verb of ['PING', 'INFO', 'STATS']) caller.nc.publish(`$SRV.${verb}`);
        await caller.settle();
        // Whatever came before this question was taken before it.
        const answer = (await caller.nc.request(`$SRV.PING.${name}`)).json<{ name: string }>();
        assert.equal(answer.name, name);
        assert.equal(service.nc.stats().outMsgs - sent, 1);
        await caller.nc.close();
      }
      assert.deepEqual([...service.refused], []);
      await service.nc.close();
    });
  }

  test('is answered for all, by name and by id, in the form that tools for it read', async () => {
    const s = await site();
    const service = await answering(s, 'issuer');
    const { nc } = await s.as('observer');
    const ask = async (subject: string): Promise<Record<string, unknown>> =>
      (await nc.request(subject)).json();
    const { id, ...ping } = await ask('$SRV.PING');
    assert.deepEqual(ping, {
      type: 'io.nats.micro.v1.ping_response',
      name: 'issuer',
      version: '1.2.3',
      metadata: {},
    });
    const info = await ask(`$SRV.INFO.issuer.${String(id)}`);
    assert.equal(info['type'], 'io.nats.micro.v1.info_response');
    assert.equal(info['description'], 'It is.');
    const endpoint = { name: 'license', subject: 'cal.v1.license.*.*', queue_group: 'issuers' };
    assert.deepEqual(info['endpoints'], [{ ...endpoint, metadata: {} }]);
    const stats = await ask('$SRV.STATS.issuer');
    assert.deepEqual(stats['endpoints'], [
      {
        ...endpoint,
        num_requests: 1,
        num_errors: 1,
        last_error: 'TIMEOUT',
        processing_time: 2_000_000,
        average_processing_time: 2_000_000,
      },
    ]);
    await service.nc.close();
    await eventually('nobody is there any more', () =>
      nc.request('$SRV.PING.issuer', undefined, { timeout: 1_000 }).then(
        () => false,
        () => true,
      ),
    );
  });

  test('every instance answers, each under an id of its own', async () => {
    const s = await site();
    const two = [await answering(s, 'inventory'), await answering(s, 'inventory')];
    const { nc, settle } = await s.as('operator');
    const ids = new Set<string>();
    const inbox = `${inboxes.operator}.discovery`;
    nc.subscribe(inbox, { callback: (_error, m) => ids.add(m.json<{ id: string }>().id) });
    await settle();
    nc.publish('$SRV.PING.inventory', undefined, { reply: inbox });
    await eventually('both have answered', () => ids.size === two.length);
    for (const { nc } of two) await nc.close();
  });
});
