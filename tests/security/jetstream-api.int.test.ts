// Every identity asks JetStream, in well-formed requests, to delete, empty, loosen or redirect every stream. What is not
// refused by permission is refused by JetStream, and all streams are as they were.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { streams } from '@calbus/contracts/streams';
import { oncePerFile } from '@calbus/test-support/servers';
import {
  accountOf,
  allIdentities,
  startSecurityHarness,
  type SecurityHarness,
  type Identity,
} from './harness.ts';

const site = oncePerFile(startSecurityHarness);
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** What each stream holds and is, as the provisioners see it. */
const survey = async (s: SecurityHarness): Promise<unknown> => {
  const seen: unknown[] = [];
  for (const who of ['provisioner', 'provisioner-ledger'] as const) {
    const { nc } = await s.as(who);
    const jsm = await nc.jetstreamManager({ checkAPI: false });
    for (const plan of Object.values(streams).filter((p) => p.account === accountOf(who))) {
      const { config, state } = await jsm.streams.info(plan.name);
      seen.push([config, state.messages, state.first_seq, state.last_seq, state.consumer_count]);
    }
    await nc.close();
  }
  return seen;
};

type Attempt = { readonly subject: string; readonly body: unknown };

const destructive = (name: string): Attempt[] => [
  { subject: `$JS.API.STREAM.DELETE.${name}`, body: {} },
  { subject: `$JS.API.STREAM.PURGE.${name}`, body: {} },
  { subject: `$JS.API.STREAM.MSG.DELETE.${name}`, body: { seq: 1, no_erase: false } },
  // To have a copy of everything sent where one chooses, to put another in its place, to move it away.
  { subject: `$JS.API.STREAM.SNAPSHOT.${name}`, body: { deliver_subject: 'cal.v1.decision.ts1.r1' } },
  { subject: `$JS.API.STREAM.RESTORE.${name}`, body: { config: { name }, state: {} } },
  { subject: `$JS.API.STREAM.LEADER.STEPDOWN.${name}`, body: {} },
  { subject: `$JS.API.STREAM.PEER.REMOVE.${name}`, body: { peer: 'n1' } },
  { subject: `$JS.API.CONSUMER.PAUSE.${name}.issuers`, body: { pause_until: '2100-01-01T00:00:00Z' } },
  { subject: `$JS.API.CONSUMER.LEADER.STEPDOWN.${name}.issuers`, body: {} },
];

/** What is asked of JetStream as a whole. */
const ofAll: readonly Attempt[] = [
  { subject: '$JS.API.META.LEADER.STEPDOWN', body: {} },
  { subject: '$JS.API.SERVER.REMOVE', body: { peer: 'n1' } },
  { subject: '$JS.API.ACCOUNT.PURGE.CAL', body: {} },
  { subject: '$JS.API.ACCOUNT.PURGE.LEDGER', body: {} },
  { subject: '$JS.API.ACCOUNT.STREAM.MOVE.CAL.CAL_REQUESTS', body: { server: 'n1' } },
  { subject: '$JS.API.CONSUMER.DELETE.CAL_REQUESTS.issuers', body: {} },
  { subject: '$JS.API.STREAM.CREATE.COPY', body: { name: 'COPY', sources: [{ name: 'CAL_LEDGER' }] } },
  { subject: '$JS.API.STREAM.CREATE.COPY', body: { name: 'COPY', subjects: ['cal.v1.>'] } },
];

const deliverTo = [
  'cal.v1.ledger',
  '$KV.CAL_LEADER.leader',
  'cal.v1.inventory.install.1',
  'cal.v1.liaison.command.install',
  'cal.v1.decision.ts1.r1',
];

const redirecting = (name: string): Attempt[] =>
  deliverTo.flatMap((deliver_subject) => {
    const config = { ack_policy: 'none', deliver_policy: 'all', deliver_subject, name: 'c1' };
    const body = { stream_name: name, config };
    return [
      { subject: `$JS.API.CONSUMER.CREATE.${name}.c1`, body },
      {
        subject: `$JS.API.CONSUMER.CREATE.${name}`,
        body: { ...body, config: { ...config, name: undefined } },
      },
      {
        subject: `$JS.API.CONSUMER.DURABLE.CREATE.${name}.c1`,
        body: { ...body, config: { ...config, name: undefined, durable_name: 'c1' } },
      },
    ];
  });

/** Answers: 'refused' by permission, 'error <code>' by JetStream, or 'done'. */
const attempt = async (
  s: SecurityHarness,
  who: Identity,
  attempts: readonly Attempt[],
): Promise<Map<string, string>> => {
  const { nc, refused, settle } = await s.as(who);
  const outcomes = new Map<string, string>();
  for (const { subject, body } of attempts) {
    nc.publish(subject, new Uint8Array());
    await settle();
    if (refused.has(`publish ${subject}`)) {
      outcomes.set(subject, 'refused');
      continue;
    }
    const answer: unknown = (await nc.request(subject, json(body), { timeout: 2_000 })).json();
    const error = (answer as { error?: { err_code?: number } }).error;
    outcomes.set(`${subject} ${JSON.stringify(body)}`, error ? `error ${error.err_code}` : 'done');
  }
  await nc.close();
  return outcomes;
};

suite('no identity can destroy, loosen or redirect a stream', () => {
  const all = Object.values(streams);

  for (const who of allIdentities) {
    test(`${who} asks to delete, purge, copy, replace and move every stream: refused by permission`, async () => {
      const s = await site();
      const before = await survey(s);
      const outcomes = await attempt(s, who, [...all.flatMap((p) => destructive(p.name)), ...ofAll]);
      assert.deepEqual([...new Set(outcomes.values())], ['refused']);
      assert.deepEqual(await survey(s), before);
    });
  }

  for (const who of allIdentities.filter((w) => w !== 'inventory-ledger')) {
    test(`${who} asks to have any stream delivered to a subject of its choice: refused by permission`, async () => {
      const s = await site();
      const before = await survey(s);
      const outcomes = await attempt(
        s,
        who,
        all.flatMap((p) => redirecting(p.name)),
      );
      assert.deepEqual([...new Set(outcomes.values())], ['refused']);
      assert.deepEqual(await survey(s), before);
    });
  }

  test('inventory, which may create the request queue anew, cannot change the one that is there: JetStream refuses', async () => {
    const s = await site();
    const before = await survey(s);
    const { nc } = await s.as('inventory');
    const changed = [
      { subjects: ['cal.v1.>'] },
      { subjects: ['cal.v1.license.*.*'], republish: { src: '>', dest: 'cal.v1.inventory.install.1' } },
      { subjects: [], mirror: { name: 'KV_CAL_KEYS' } },
      { subjects: [], sources: [{ name: 'CAL_LEDGER' }] },
    ];
    for (const config of changed) {
      const body = json({ name: 'CAL_REQUESTS', storage: 'memory', ...config });
      const answer: unknown = (await nc.request('$JS.API.STREAM.CREATE.CAL_REQUESTS', body)).json();
      assert.ok(typeof answer === 'object' && answer !== null && 'error' in answer, JSON.stringify(answer));
    }
    assert.deepEqual(await survey(s), before);
  });

  test('inventory-ledger cannot have the ledger delivered into the ledger: JetStream refuses the cycle', async () => {
    const s = await site();
    const { nc } = await s.as('inventory-ledger');
    const [first] = redirecting('CAL_LEDGER');
    const answer: unknown = (await nc.request(first?.subject ?? '', json(first?.body))).json();
    assert.match(JSON.stringify(answer), /"err_code":10081|cycle/);
  });

  test('the provisioners cannot take back what protects the ledger and the keys: JetStream refuses', async () => {
    const s = await site();
    for (const who of ['provisioner', 'provisioner-ledger'] as const) {
      const { nc } = await s.as(who);
      const jsm = await nc.jetstreamManager({ checkAPI: false });
      for (const plan of all.filter((p) => p.account === accountOf(who) && p.denyDelete)) {
        const { config } = await jsm.streams.info(plan.name);
        await assert.rejects(
          jsm.streams.update(plan.name, { ...config, deny_delete: false }),
          /deny/,
          plan.name,
        );
        if (plan.denyPurge) {
          await assert.rejects(
            jsm.streams.update(plan.name, { ...config, deny_purge: false }),
            /deny/,
            plan.name,
          );
        }
      }
    }
  });

  test("the provisioner cannot make the request queue's consumer deliver to a subject of its choice: JetStream refuses", async () => {
    const s = await site();
    const { nc } = await s.as('provisioner');
    const config = {
      ack_policy: 'explicit',
      durable_name: 'issuers',
      deliver_subject: 'cal.v1.liaison.command.install',
    };
    const subject = '$JS.API.CONSUMER.CREATE.CAL_REQUESTS.issuers';
    const answer: unknown = (await nc.request(subject, json({ stream_name: 'CAL_REQUESTS', config }))).json();
    assert.ok(typeof answer === 'object' && answer !== null && 'error' in answer, JSON.stringify(answer));
  });
});
