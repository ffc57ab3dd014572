// Every recording there is, of every version, said to whoever takes it: on its own subject, by an identity that may. It is answered, or
// acted upon, and nobody puts it aside as something that does not decode; and so with fields that nobody knows.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type NatsConnection, type Subscription } from 'nats';
import { exchanges, type Exchange, type Party } from '@calbus/contracts/catalogue';
import { decode, isOf, type Contract } from '@calbus/contracts/envelope';
import { serviceFault } from '@calbus/contracts/service-fault';
import { repositoryRoot } from '@calbus/local/repository';
import type { TestIdentity } from '@calbus/test-support/nats-bus';
import { eventually } from '@calbus/test-support/eventually';
import type { ComposeDeployment } from './compose-deployment.ts';

type Recording = {
  readonly id: string;
  readonly body: { readonly requestId?: string; readonly requests?: readonly unknown[] };
};
const folder = path.join(repositoryRoot, 'shared/contracts/recordings');
const recordingOf = (c: Contract): Recording =>
  JSON.parse(readFileSync(path.join(folder, `${c.type}.v${c.version}.json`), 'utf8')) as Recording;

export const recordedIds: ReadonlySet<string> = new Set(
  readdirSync(folder).map((f) => (JSON.parse(readFileSync(path.join(folder, f), 'utf8')) as Recording).id),
);

const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const forms = (r: Recording): Uint8Array[] => [
  bytesOf(r),
  bytesOf({ ...r, notYetInvented: [1], body: { ...r.body, notYetInvented: { deep: true } } }),
];
const undecodable = new Set([
  'NOT_UTF8',
  'NOT_JSON',
  'NOT_AN_ENVELOPE',
  'UNKNOWN_TYPE',
  'UNKNOWN_VERSION',
  'INVALID_BODY',
  'TOO_LARGE',
]);

const identityOf = (party: Party): TestIdentity => {
  if (party === 'terminal-server') return { terminalServer: 'ts1' };
  return party;
};

/** They change what the others are answered. */
const last = ['liaison.reactivate'];
const place = (e: Exchange): number => last.indexOf(e.id);

const subjectOf = (e: Exchange, term: number, requestId: string): string =>
  e.subject
    .replace('{term}', String(term))
    .replace('{terminalServerId}', 'ts1')
    .replace('{requestId}', requestId)
    .replace('{name}', 'RECORDED')
    .replace('{service}', 'issuer');

const asked = async (nc: NatsConnection, e: Exchange, subject: string, bytes: Uint8Array): Promise<void> => {
  const { data } = await nc.request(subject, bytes, { timeout: 20_000 });
  const answer = decode([...(e.answers ?? [])], data);
  assert.ok(
    answer.ok,
    `${e.id}: the answer is none of its contracts': ${new TextDecoder().decode(data).slice(0, 200)}`,
  );
  if (!isOf(serviceFault, answer.message)) return;
  const { code, says } = answer.message.body;
  assert.ok(!undecodable.has(code), `${e.id}: ${code}: ${says}`);
};

const heardAfter = async (nc: NatsConnection, subject: string, act: () => Promise<void>): Promise<void> => {
  const heard: Uint8Array[] = [];
  const s: Subscription = nc.subscribe(subject, { callback: (_e, m) => heard.push(m.data) });
  try {
    await nc.flush();
    await act();
    await eventually(`something is said on ${subject}`, () => heard.length > 0, { withinMs: 60_000 });
  } finally {
    s.unsubscribe();
  }
};

/** Says the recordings of one exchange. */
export const publishRecordings = async (
  site: ComposeDeployment,
  e: Exchange,
  term: number,
): Promise<void> => {
  const [from] = e.from;
  assert.ok(from);
  const who: TestIdentity = e.id === 'decision-facts' ? 'inventory-ledger' : identityOf(from);
  const nc = await site.connectAs(who);
  try {
    for (const contract of e.messages) {
      const recording = recordingOf(contract);
      const { requestId = 'req-0001' } = recording.body;
      // What answers several requests is named after the message that carried them.
      const answered = recording.body.requests ? recording.id : requestId;
      const subject = subjectOf(e, term, requestId);
      for (const bytes of forms(recording)) {
        switch (e.transport) {
          case 'ask':
            await asked(nc, e, subject, bytes);
            break;
          case 'queue':
            await heardAfter(nc, `cal.v1.decision.ts1.${answered}`, async () => {
              await nc.request(subject, bytes, { timeout: 10_000 });
            });
            break;
          case 'letter':
          case 'value':
            await said(nc, e, subject, bytes);
            break;
          case 'publish':
            if (e.id === 'trust.request')
              await heardAfter(nc, 'cal.v1.trust.snapshot.ts1', async () => nc.publish(subject, bytes));
            else nc.publish(subject, bytes);
            break;
        }
      }
      await nc.flush();
    }
  } finally {
    await nc.close();
  }
};

/** Kept in a stream: the value of the keys is put back as it was, since a recording's keys sign nothing. */
const said = async (nc: NatsConnection, e: Exchange, subject: string, bytes: Uint8Array): Promise<void> => {
  if (e.transport === 'letter') {
    await nc.request(subject, bytes, { timeout: 10_000 });
    return;
  }
  const before = await nc.request(`$JS.API.DIRECT.GET.KV_CAL_KEYS.${subject}`, '', { timeout: 10_000 });
  await nc.request(subject, bytes, { timeout: 10_000 });
  await nc.request(subject, before.data, { timeout: 10_000 });
};

/** Exchanges in the order in which a new, not yet activated license server can be told their recordings. */
export const inOrder: readonly Exchange[] = [...exchanges].sort((a, b) => place(a) - place(b));

type Letter = { readonly subject: string; readonly code: string };
/** The letter that is a recording itself. */
const isRecording = (l: Letter): boolean =>
  l.subject === 'cal.v1.license.request.ts1' && l.code === 'NOT_JSON';
/** Letters that say of a message that it does not decode. */
export const undecoded = async (site: ComposeDeployment): Promise<Letter[]> => {
  const { stdout } = await site.calbus('dead-letters', '--limit', '1000', '--json');
  return (JSON.parse(stdout) as Letter[]).filter((l) => undecodable.has(l.code) && !isRecording(l));
};
