// A believable history of a license server, as the bytes of its ledger: devices come over 80 days, log on, get full
// licenses and renew them. Made record by record, since deciding a million requests would take longer than what is measured.

import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { NatsConnection } from 'nats';
import { NO_HASH, type LedgerBatch, type LedgerRecord } from '@calbus/contracts/ledger';
import { subjects } from '@calbus/contracts/subjects';

const DAY = 86_400_000;
const DAYS = 80;
const VERSION = '2022';

export type HistoryOptions = {
  /** Issued licenses, temporary and full; renewals are not counted. */
  readonly licenses: number;
  /** Records that share one ledger message, at most. */
  readonly recordsPerBatch: number;
  /** Key packs that these licenses use up nearly. */
  readonly packs: number;
  /** When the last record was written. */
  readonly until: number;
  /** Whether the license server was activated at its beginning, unless told otherwise. */
  readonly activated?: boolean;
};

export type History = {
  readonly batches: Iterable<Uint8Array>;
  readonly devices: number;
};

const id = (): string => randomBytes(16).toString('base64url');
const longId = (n: number): string => n.toString(36).toUpperCase().padStart(35, 'PACK0');

/** Three of five devices' licenses are temporary ones, two of three devices went on to a full license. */
export const history = (o: HistoryOptions): History => {
  const devices = Math.ceil(o.licenses * 0.6);
  const full = o.licenses - devices;
  return { devices, batches: chained(records(devices, full, o), o) };
};

export type Timed = { readonly at: number; readonly record: LedgerRecord };

function* records(
  devices: number,
  full: number,
  { until, packs, activated: isActivated = true }: HistoryOptions,
): Generator<Timed> {
  const start = until - DAYS * DAY;
  const perPack = Math.ceil(full / packs) + 1;
  yield { at: start, record: { kind: 'generation-started', after: null } };
  yield { at: start, record: { kind: 'leadership-taken', replica: id() } };
  if (isActivated) yield { at: start, record: activated(start) };
  for (let n = 0; n < packs; n += 1) yield { at: start, record: packInstalled(n, perPack) };
  // Renewals by the day on which they are due.
  const renewals = new Map<number, string[]>();
  let day = 0;
  for (let n = 0; n < devices; n += 1) {
    const at = start + Math.floor(((n + 1) / devices) * DAYS * DAY);
    for (; start + day * DAY <= at; day += 1) {
      for (const licenseId of renewals.get(day) ?? []) {
        yield { at: start + day * DAY, record: renewed(licenseId, start + day * DAY) };
      }
      renewals.delete(day);
    }
    const device = newDevice(n);
    const temporary = id();
    yield { at, record: temporaryIssued(device, temporary, at) };
    if (Math.floor(((n + 1) * full) / devices) === Math.floor((n * full) / devices)) continue;
    yield { at, record: validated(temporary) };
    const licenseId = id();
    const lasts = randomInt(52, 90);
    const pack = Math.floor(((n / devices) * full) / perPack);
    yield { at, record: fullIssued(device, licenseId, temporary, longId(pack), at + lasts * DAY) };
    const due = day + lasts - 6;
    renewals.set(due, [...(renewals.get(due) ?? []), licenseId]);
  }
}

const newDevice = (n: number) => ({
  hardwareId: randomBytes(20).toString('hex'),
  deviceId: id(),
  deviceName: `desk-${String(n).padStart(6, '0')}`,
  userName: n % 3 === 0 ? null : `EXAMPLE\\user${n % 50_000}`,
});
type NewDevice = ReturnType<typeof newDevice>;

const asked = <R extends string>(row: R) => ({
  requestId: id(),
  terminalServerId: `ts-${randomInt(200)}`,
  row,
});

const temporaryIssued = (device: NewDevice, licenseId: string, at: number): LedgerRecord => ({
  kind: 'temporary-issued',
  ...asked('D4' as const),
  licenseId,
  ...device,
  version: VERSION,
  notAfter: at + 90 * DAY,
});

const validated = (licenseId: string): LedgerRecord => ({
  kind: 'validated',
  ...asked('D5' as const),
  licenseId,
  within: 'report',
});

const fullIssued = (
  device: NewDevice,
  licenseId: string,
  temporary: string,
  keyPackId: string,
  notAfter: number,
): LedgerRecord => ({
  kind: 'full-issued',
  ...asked('D6' as const),
  licenseId,
  ...device,
  version: VERSION,
  keyPackId,
  notAfter,
  supersedes: [temporary],
});

const renewed = (licenseId: string, at: number): LedgerRecord => ({
  kind: 'renewed',
  ...asked('D2' as const),
  licenseId,
  notAfter: at + randomInt(52, 90) * DAY,
});

const activated = (at: number): LedgerRecord => ({
  kind: 'activated',
  commandId: id(),
  serverId: 'BENCH'.repeat(7),
  epoch: 1,
  chain: ['-----BEGIN CERTIFICATE-----'],
  certificateNotAfter: at + 3_650 * DAY,
  by: 'bench',
});

const packInstalled = (n: number, quantity: number): LedgerRecord => ({
  kind: 'pack-installed',
  commandId: id(),
  keyPackId: longId(n),
  epoch: 1,
  program: 'select',
  agreementNumber: '1234567',
  version: VERSION,
  mode: 'per-device',
  quantity,
  keyPack: 'a.b.c',
  by: 'bench',
});

function* chained(all: Iterable<Timed>, o: HistoryOptions): Generator<Uint8Array> {
  const start = { generation: id(), term: 1, hash: NO_HASH, time: 0 };
  yield* chain(start, all, o.recordsPerBatch);
}

/** Where a ledger stands. */
export type Place = {
  readonly generation: string;
  readonly term: number;
  readonly hash: string;
  /** Of its last record. */
  readonly time: number;
};

/** Records as the messages that follow `place`. */
export function* chain(
  { generation, term, hash, time }: Place,
  all: Iterable<Timed>,
  recordsPerBatch: number,
): Generator<Uint8Array> {
  let prevHash = hash;
  let waiting: LedgerRecord[] = [];
  let last = time;
  const batch = (): Uint8Array => {
    const frame = { format: 1, generation, term, nonce: id(), prevHash, at: last } as const;
    const bytes = Buffer.from(JSON.stringify({ ...frame, records: waiting } satisfies LedgerBatch));
    prevHash = createHash('sha256').update(bytes).digest('hex');
    waiting = [];
    return bytes;
  };
  for (const { at, record } of all) {
    if (waiting.length === recordsPerBatch) yield batch();
    waiting.push(record);
    last = Math.max(last, at);
  }
  if (waiting.length > 0) yield batch();
}

const IN_FLIGHT = 64;

/** Appends messages as fast as the server takes them; how many there were. Nobody else may be writing. */
export const appendAll = async (nc: NatsConnection, batches: Iterable<Uint8Array>): Promise<number> => {
  const js = nc.jetstream();
  let messages = 0;
  let waiting: Promise<unknown>[] = [];
  for (const bytes of batches) {
    waiting.push(js.publish(subjects.ledger, bytes, { timeout: 30_000 }));
    messages += 1;
    if (waiting.length < IN_FLIGHT) continue;
    await Promise.all(waiting);
    waiting = [];
  }
  await Promise.all(waiting);
  return messages;
};
