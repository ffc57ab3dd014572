// `calbus ledger`: what an operator can find out about a ledger that was really written, with garbage and another's batch in it.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createAudit } from '@calbus/audit/audit';
import { openLedgerReader, type StoredLedgerMessage } from '@calbus/operator-client/ledger/reader';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { ledgerBatch, type LedgerBatch } from '@calbus/contracts/ledger';
import { subjects } from '@calbus/contracts/subjects';
import { eventually } from '@calbus/test-support/eventually';
import { hw, startDeployment, type TestDeployment } from '@calbus/test-support/deployment';

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

let s: TestDeployment;
/** Before anything but calbus wrote into the ledger. */
let clean: { readonly sequence: number; readonly time: number };

const messages = async (): Promise<StoredLedgerMessage[]> => {
  const all: StoredLedgerMessage[] = [];
  for await (const m of openLedgerReader(s.operator).read()) all.push(m);
  return all;
};
const batchOf = (m: StoredLedgerMessage | undefined): LedgerBatch =>
  ledgerBatch.parse(JSON.parse(new TextDecoder().decode(m?.bytes)));

const write = async (bytes: readonly Uint8Array[]): Promise<number[]> => {
  const nc = await s.connectAs('inventory-ledger');
  try {
    const stored: number[] = [];
    for (const b of bytes) stored.push((await nc.jetstream().publish(subjects.ledger, b)).seq);
    return stored;
  } finally {
    await nc.close();
  }
};

before(async () => {
  s = await startDeployment();
  await s.firstLicense();
  const last = (await messages()).at(-1);
  clean = { sequence: last?.sequence ?? 0, time: batchOf(last).at };
});
after(async () => {
  await s?.[Symbol.asyncDispose]();
});

const json = async <T>(...args: string[]): Promise<T> => {
  const { code, stdout, stderr } = await s.calbus('ledger', ...args, '--json');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
};

type Verified = {
  sound: boolean;
  agreement: { kind: string; who: string };
  licenses: { full: number; temporary: number };
  records: Record<string, number>;
  voidMessages: { count: number; first: { sequence: number; why: string }[] };
};
type Shown = {
  entries: { sequence: number; row: string; says: string; supersedes: string[]; userName: string | null }[];
};

describe('calbus ledger', () => {
  test('verify: a ledger that calbus wrote is sound, and the leader agrees', async () => {
    const v = await json<Verified>('verify');
    assert.ok(v.sound);
    assert.deepEqual([v.agreement.kind, v.agreement.who], ['agrees', 'the leader']);
    assert.equal(v.voidMessages.count, 0);
    assert.deepEqual(v.licenses, { full: 2, temporary: 1 });
    assert.equal(v.records['generation-started'], 1);
    const { code, stdout } = await s.calbus('ledger', 'verify');
    assert.equal(code, 0);
    assert.match(stdout, /The ledger is sound\.\n$/);
    // oxlint-disable-next-line no-control-regex -- no colours where there is no terminal
    assert.doesNotMatch(stdout, /\u001b/);
  });

  test('show: why did this device get that', async () => {
    const { entries } = await json<Shown>('show', '--device', 'desk-1');
    assert.deepEqual(
      entries.map((e) => e.row),
      ['D4', 'D5', 'D6'],
    );
    assert.equal(entries[2]?.supersedes.length, 1);
    const { stdout } = await s.calbus('ledger', 'show', '--device', hw(1));
    assert.match(stdout, /full license for 2003 until .*, in place of temporary license \S+ for 2003/);
    assert.match(stdout, /D6: validated temporary license, a CAL is free/);
    assert.match(stdout, /asked by ts1, request \S+, license \S+, key pack/);
    const first = await json<Shown>('show', '--from', '1', '--limit', '1');
    assert.deepEqual([first.entries.length, first.entries[0]?.sequence], [1, 1]);
    assert.equal((await json<Shown>('show', '--from', '2100-01-01')).entries.length, 0);
    const license = entries[0] && (await json<Shown>('show', '--license', entries[2]?.supersedes[0] ?? ''));
    assert.equal(license?.entries.length, 3);
  });

  test('garbage and a batch of a stranger are VOID, named, and no damage; licenses go on', async () => {
    const head = batchOf((await messages()).at(-1));
    const foreign = { ...head, nonce: 'stranger', prevHash: 'f'.repeat(64) };
    const stored = await write([text('{'), text(JSON.stringify(foreign)), Uint8Array.of(0xff)]);
    const ts = await connectTerminalServer(s.profile, 'ts1');
    assert.equal((await ts.request({ device: { hardwareId: hw(50), name: 'late' } })).row, 'D4');
    await ts.close();
    const v = await json<Verified>('verify');
    assert.ok(v.sound);
    assert.equal(v.agreement.kind, 'agrees');
    assert.deepEqual(
      v.voidMessages.first.map((f) => f.sequence),
      stored,
    );
    const { code, stdout } = await s.calbus('ledger', 'verify');
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`VOID +${stored[1]}: it does not follow the last valid batch`));
    const later = await json<Verified>('verify', '--from', String((stored[2] ?? 0) + 1));
    assert.deepEqual(later.voidMessages.first, []);
  });

  test('export: every record on a line, VOID ones marked; a file is not written over', async () => {
    const lines = (out: string) =>
      out
        .trim()
        .split('\n')
        .map(
          (l) =>
            JSON.parse(l) as { sequence: number; record?: { kind: string }; void?: string; term?: number },
        );
    const { code, stdout } = await s.calbus('ledger', 'export');
    assert.equal(code, 0);
    const all = lines(stdout);
    const records = (await messages()).filter((m) => !all.some((l) => l.void && l.sequence === m.sequence));
    assert.equal(
      all.length - 3,
      records.reduce((n, m) => n + batchOf(m).records.length, 0),
    );
    assert.equal(all.filter((l) => l.void !== undefined).length, 3);
    assert.equal(all[0]?.record?.kind, 'generation-started');
    assert.equal(all[0]?.term, 1);
    const out = path.join(s.deployment.dataDir, 'ledger.jsonl');
    const some = ['--from', '2', '--to', String(clean.sequence), '--out', out];
    assert.equal((await s.calbus('ledger', 'export', ...some)).code, 0);
    const written = lines(readFileSync(out, 'utf8'));
    assert.equal(written[0]?.sequence, 2);
    assert.equal(written.at(-1)?.sequence, clean.sequence);
    const again = await s.calbus('ledger', 'export', ...some);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^calbus: .* is there already; nothing was exported\.\n$/);
    const nowhere = path.join(s.deployment.dataDir, 'none', 'x');
    assert.equal((await s.calbus('ledger', 'export', '--out', nowhere)).code, 1);
    assert.ok(!existsSync(nowhere));
  });

  test('at: who held what then', async () => {
    type At = {
      position: { sequence: number };
      pools: { mode: string; installed: number; issued: number }[];
      holders: { deviceName: string; kind: string; state: string }[];
    };
    const then = await json<At>('at', new Date(clean.time).toISOString());
    assert.equal(then.position.sequence, clean.sequence);
    assert.deepEqual(then.holders.map((h) => `${h.deviceName} ${h.kind}`).toSorted(), [
      'desk-1 full',
      'desk-2 full',
      'desk-3 temporary',
    ]);
    assert.equal(then.pools.find((p) => p.mode === 'per-device')?.issued, 2);
    const end = await json<At>('at', '2100-01-01');
    assert.deepEqual(
      end.holders.map((h) => h.state),
      ['past its end', 'past its end'],
    );
    assert.equal((await json<At>('at', '2001-01-01')).position.sequence, 0);
    const started = batchOf((await messages())[0]).at;
    assert.deepEqual((await json<At>('at', new Date(started).toISOString())).pools, []);
    const { code, stderr } = await s.calbus('ledger', 'at', 'yesterday');
    assert.equal(code, 1);
    assert.match(stderr, /^calbus: "yesterday" is no time: write it as .*\n$/);
    assert.equal((await s.calbus('ledger', 'at', '2026-01-01', '--device', 'desk')).code, 0);
  });

  test('altered bytes of this very ledger are damage, at the place where it shows', async () => {
    const all = await messages();
    const audit = createAudit();
    for (const m of all) {
      const altered =
        m.sequence === 3 ? text(new TextDecoder().decode(m.bytes).replace('"term":1', '"term":2')) : m.bytes;
      audit.take({ sequence: m.sequence, bytes: altered });
    }
    assert.equal(audit.damage.first[0]?.sequence, 5);
    assert.equal(audit.voids.first[0]?.sequence, 4);
  });
});

test('a page that nobody has given is asked for once more', async () => {
  const pid = s.services.get('inventory')?.pid() ?? assert.fail();
  const hearing = await s.connectAs('inventory');
  try {
    const before = (await messages()).length;
    let asked = 0;
    hearing.subscribe(subjects.inventory.query('operator', 'ledger'), { callback: () => (asked += 1) });
    await hearing.flush();
    process.kill(pid, 'SIGSTOP');
    const reading = messages();
    await eventually('it is asked again', () => asked > 1, { withinMs: 30_000 });
    process.kill(pid, 'SIGCONT');
    assert.ok((await reading).length >= before);
  } finally {
    process.kill(pid, 'SIGCONT');
    await hearing.close();
  }
});
