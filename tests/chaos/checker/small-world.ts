// For the checker's own tests: a small history in which everything is as it must be, in a form that is easy to spoil.

import { createHash } from 'node:crypto';
import { NO_HASH, type LedgerBatch, type LedgerRecord } from '@calbus/contracts/ledger';
import { claimsOf } from '@calbus/contracts/license';
import type { Decision } from '@calbus/terminal-server/client';
import type { RowId } from '@calbus/contracts/rows';
import { foldOf } from '../ledger.ts';
import type { FoldedLicense } from './fold.ts';
import type { Answer, Asked, CacheDump, History, LedgerMessage } from './history.ts';

const DAY = 86_400_000;
export const START = 1_800_000_000_000;
export const device = (n: number): string => `00000104${String(n).padStart(32, '0')}`;
export const packId = (letter: string): string => letter.repeat(35);

export type Batch = { term: number; at: number; generation: string; records: LedgerRecord[] };

export type World = {
  batches: Batch[];
  /** Set where a message is not to follow the chain. */
  readonly spoilt: Map<number, string>;
  asked: Map<string, Asked>;
  answers: Answer[];
  dumps: CacheDump[];
};

const who = (requestId: string, row: RowId, terminalServerId = 'ts1') => ({
  requestId,
  row,
  terminalServerId,
});

export const temporary = (n: number, requestId: string, notAfter = START + 90 * DAY): LedgerRecord => ({
  kind: 'temporary-issued',
  ...who(requestId, 'D4'),
  licenseId: `temporary-${n}`,
  hardwareId: device(n),
  deviceId: `device-${n}`,
  deviceName: `desk-${n}`,
  userName: null,
  version: '2003',
  notAfter,
});

export const full = (
  n: number,
  requestId: string,
  supersedes: string[],
  notAfter = START + 60 * DAY,
): LedgerRecord => ({
  kind: 'full-issued',
  ...who(requestId, 'D6'),
  licenseId: `full-${n}`,
  hardwareId: device(n),
  deviceId: `device-${n}`,
  deviceName: `desk-${n}`,
  userName: null,
  version: '2003',
  keyPackId: packId('A'),
  notAfter,
  supersedes,
});

export const pack = (letter: string, mode: 'per-device' | 'per-user', quantity: number): LedgerRecord => ({
  kind: 'pack-installed',
  commandId: `command-${letter}`,
  keyPackId: packId(letter),
  epoch: 1,
  program: 'select',
  agreementNumber: '1',
  version: '2003',
  mode,
  quantity,
  keyPack: 'a.b.c',
  by: 'ann',
});

const recordsOf: readonly LedgerRecord[][] = [
  [
    { kind: 'generation-started', after: null },
    { kind: 'leadership-taken', replica: 'one' },
  ],
  [
    {
      kind: 'activated',
      commandId: 'activate',
      serverId: packId('S'),
      epoch: 1,
      chain: ['-----BEGIN CERTIFICATE-----'],
      certificateNotAfter: START + 365 * DAY,
      by: 'ann',
    },
  ],
  [pack('A', 'per-device', 2), pack('B', 'per-user', 5)],
  [temporary(1, 'r1'), temporary(2, 'r2')],
  [{ kind: 'validated', ...who('r3', 'D5'), licenseId: 'temporary-1', within: 'report' }],
  [full(1, 'r4', ['temporary-1'])],
  [{ kind: 'renewed', ...who('r5', 'D2'), licenseId: 'full-1', notAfter: START + 80 * DAY }],
  [temporary(3, 'r6', START - DAY), full(4, 'r7', [], START - DAY)],
  [
    {
      kind: 'refused',
      ...who('r8', 'D10'),
      hardwareId: device(3),
      version: '2003',
      mode: 'per-device',
      code: 'NO_LICENSE_AVAILABLE',
    },
  ],
  [
    { kind: 'leadership-taken', replica: 'two' },
    { kind: 'returned', licenseId: 'full-4' },
  ],
];

export const messagesOf = (w: World): LedgerMessage[] => {
  let prevHash = NO_HASH;
  return w.batches.map((b, i) => {
    const batch: LedgerBatch = { format: 1, ...b, nonce: `n${i}`, prevHash: w.spoilt.get(i) ?? prevHash };
    const bytes = Buffer.from(JSON.stringify(batch));
    if (!w.spoilt.has(i)) prevHash = createHash('sha256').update(bytes).digest('hex');
    return { sequence: i + 1, bytes, storedAt: b.at };
  });
};

export const historyOf = (w: World): History => ({
  ledger: messagesOf(w),
  asked: w.asked,
  answers: w.answers,
  dumps: w.dumps,
});

const licenseOutcome = (l: FoldedLicense): Decision['outcome'] => {
  const position = { generation: l.generation, sequence: l.sequence };
  const payload = Buffer.from(JSON.stringify(claimsOf({ ...l, mode: 'per-device', position })));
  return {
    kind: 'license',
    license: `e30.${payload.toString('base64url')}.c2ln`,
    licenseId: l.licenseId,
    licenseKind: l.kind,
    version: l.version,
    keyPackId: l.keyPackId,
    hardwareId: l.hardwareId,
    notAfter: l.notAfter,
  };
};

const refusal = (code: 'NO_LICENSE_AVAILABLE' | 'NO_DEVICE_IDENTITY'): Decision['outcome'] => ({
  kind: 'refused',
  code,
  says: 'No.',
  again: 'later',
});

/** Ten batches, an answer to each request in them, five that needed no record, and Redis at two heads. */
export const smallWorld = (): World => {
  const batches = recordsOf.map((records, i) => ({
    term: i < 9 ? 1 : 2,
    at: START + i * 1_000,
    generation: 'g1',
    records: structuredClone(records),
  }));
  const w: World = { batches, spoilt: new Map(), asked: new Map(), answers: [], dumps: [] };
  const ledger = messagesOf(w);
  const at = (sequence: number) => foldOf(ledger.slice(0, sequence));
  const answer = (
    requestId: string,
    row: RowId,
    sequence: number,
    outcome: Decision['outcome'],
    later = 0,
  ) => {
    const decidedAt = START + (sequence - 1) * 1_000 + later;
    const position = { generation: 'g1', sequence };
    const decision = { requestId, terminalServerId: 'ts1', row, decidedAt, position, outcome };
    w.answers.push({ decision, heardAt: decidedAt + 5 });
  };
  const license = (id: string, sequence: number): Decision['outcome'] => {
    const l = at(sequence).licenses.get(id);
    if (!l) throw new Error(`No license ${id} at ${sequence}.`);
    return licenseOutcome(l);
  };
  const asks = (requestId: string, n: number, mode: 'per-device' | 'per-user' = 'per-device') =>
    w.asked.set(requestId, {
      kind: 'license',
      terminalServerId: 'ts1',
      mode,
      version: '2003',
      hardwareId: n === 0 ? '0'.repeat(40) : device(n),
      authenticated: true,
    });
  answer('r1', 'D4', 4, license('temporary-1', 4));
  answer('r2', 'D4', 4, license('temporary-2', 4));
  answer('r3', 'D5', 5, { kind: 'validated', licenseId: 'temporary-1' });
  answer('r4', 'D6', 6, license('full-1', 6));
  answer('r5', 'D2', 7, license('full-1', 7));
  answer('r8', 'D10', 9, refusal('NO_LICENSE_AVAILABLE'));
  answer('r9', 'D8', 9, license('temporary-2', 9), 300);
  answer('r10', 'D13', 9, license('full-1', 9), 300);
  answer('r11', 'U1', 9, { kind: 'per-user', userKey: 'ann', version: '2003', notAfter: null }, 300);
  answer('r12', 'D10', 9, refusal('NO_LICENSE_AVAILABLE'), 400);
  answer('r13', 'N3', 9, refusal('NO_DEVICE_IDENTITY'), 500);
  for (const [id, n] of Object.entries({ r1: 1, r2: 2, r4: 1, r5: 1, r8: 3, r9: 2, r10: 1, r12: 3, r13: 0 }))
    asks(id, n);
  asks('r11', 1, 'per-user');
  w.asked.set('r3', {
    kind: 'report',
    terminalServerId: 'ts1',
    licenseId: 'temporary-1',
    hardwareId: device(1),
  });
  w.dumps.push(dumpAt(w, 6, pools6, devices6, ts6), dumpAt(w, 10, pools10, devices10, ts10));
  return w;
};

type Hashes = Record<string, Record<string, string>>;

const dumpAt = (w: World, sequence: number, ...parts: Hashes[]): CacheDump => {
  const { hash, time } = foldOf(messagesOf(w).slice(0, sequence));
  const head = { generation: 'g1', sequence: String(sequence), hash, at: String(time) };
  return { head, hashes: new Map(parts.flatMap((p) => Object.entries(structuredClone(p)))) };
};

// Written out by hand: what Redis must hold after the sixth batch, and after the tenth.
const held = (id: string, kind: string, notAfter: number): string =>
  `{"id":"${id}","kind":"${kind}","version":"2003","notAfter":${notAfter}}`;
const hash = (n: number, temporaries: number, fulls: number, licenses: string): Hashes => ({
  [`cal:device:${device(n)}`]: {
    name: `desk-${n}`,
    temporary: String(temporaries),
    full: String(fulls),
    licenses: `[${licenses}]`,
  },
});
const counted = (installed: number, issued: number, temporaries: number): Hashes[string] => ({
  installed: String(installed),
  issued: String(issued),
  available: String(installed - issued),
  temporary: String(temporaries),
});
const ofPools = (issued: number, temporaries: number): Hashes => ({
  'cal:pool:2003:per-device': counted(2, issued, temporaries),
  'cal:pool:2003:per-user': counted(5, 0, 0),
});
const ofTs = (t: number, f: number, renewed: number, refused: number): Hashes => ({
  'cal:ts:ts1': {
    temporary: String(t),
    full: String(f),
    renewed: String(renewed),
    refused: String(refused),
  },
});
const second = hash(2, 1, 0, held('temporary-2', 'temporary', START + 90 * DAY));
const pools6 = ofPools(1, 1);
const devices6 = { ...hash(1, 0, 1, held('full-1', 'full', START + 60 * DAY)), ...second };
const ts6 = ofTs(2, 1, 0, 0);
const pools10 = ofPools(1, 1);
const devices10 = {
  ...hash(1, 0, 1, held('full-1', 'full', START + 80 * DAY)),
  ...second,
  ...hash(3, 1, 0, held('temporary-3', 'temporary', START - DAY)),
  ...hash(4, 0, 0, ''),
};
const ts10 = ofTs(3, 2, 1, 1);
