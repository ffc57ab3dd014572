// Devices and remembered outcomes as text. A million licenses as objects take four times the memory, and most of them
// are not looked at for weeks; a row is unpacked in a microsecond when it is.

import type { Outcome, AllocationResult } from '@calbus/contracts/allocation-messages';
import { factsOf, type Device, type License } from './license.ts';
import type { StringPool } from './string-pool.ts';

const ends = [
  'no',
  'superseded',
  'returned',
  'revoked',
  'merged',
] as const satisfies readonly License['ended'][];

/** `mode` is always per-device; 0 for a name says that it is that of the license before. */
type PackedLicense = readonly [
  licenseId: string,
  kind: number,
  version: number,
  keyPack: number | null,
  licenseServer: number,
  epoch: number,
  issuedAt: number,
  notAfter: number,
  generation: number,
  sequence: number,
  validated: 0 | 1,
  ended: number,
  deviceName: string | 0,
  userName: string | null | 0,
];

type Owner = { readonly hardwareId: string; readonly deviceId: string };

const pack = (l: License, before: License | undefined, words: StringPool): PackedLicense => [
  l.licenseId,
  words.numberOf(l.kind),
  words.numberOf(l.version),
  l.keyPackId === null ? null : words.numberOf(l.keyPackId),
  words.numberOf(l.licenseServerId),
  l.epoch,
  l.issuedAt,
  l.notAfter,
  words.numberOf(l.position.generation),
  l.position.sequence,
  l.validated ? 1 : 0,
  ends.indexOf(l.ended),
  l.deviceName === before?.deviceName ? 0 : l.deviceName,
  l.userName === before?.userName ? 0 : l.userName,
];

const unpack = (p: PackedLicense, owner: Owner, before: License | undefined, words: StringPool): License => {
  const [licenseId, kind, version, keyPack, server, epoch, issuedAt, notAfter, generation, sequence] = p;
  const [, , , , , , , , , , validated, ended, deviceName, userName] = p;
  return {
    licenseId,
    licenseServerId: words.stringAt(server),
    epoch,
    kind: words.stringAt(kind) as License['kind'],
    mode: 'per-device',
    version: words.stringAt(version) as License['version'],
    keyPackId: keyPack === null ? null : words.stringAt(keyPack),
    hardwareId: owner.hardwareId,
    deviceId: owner.deviceId,
    deviceName: deviceName === 0 ? (before?.deviceName ?? '') : deviceName,
    userName: userName === 0 ? (before?.userName ?? null) : userName,
    issuedAt,
    notAfter,
    position: { generation: words.stringAt(generation), sequence },
    validated: validated === 1,
    ended: ends[ended] ?? 'no',
  };
};

export const packDevice = ({ deviceId, licenses }: Device, words: StringPool): string =>
  JSON.stringify([deviceId, ...licenses.map((l, i) => pack(l, licenses[i - 1], words))]);

export const unpackDevice = (row: string, hardwareId: string, words: StringPool): Device => {
  const [deviceId, ...packed] = JSON.parse(row) as [string, ...PackedLicense[]];
  const licenses: License[] = [];
  for (const p of packed) licenses.push(unpack(p, { hardwareId, deviceId }, licenses.at(-1), words));
  return { hardwareId, deviceId, licenses };
};

/** Whether a device's row has this license; in names quotes are escaped, so no name looks like it. */
export const rowHas = (row: string, licenseId: string): boolean => row.includes(`,["${licenseId}",`);

type PackedOutcome =
  | Exclude<AllocationResult, { kind: 'license' }>
  | [hardwareId: string, deviceId: string, PackedLicense, holder: string | null];
type PackedAnswer = [Outcome['row'], number, number, number, PackedOutcome];

export const packAnswer = ({ row, decidedAt, position, outcome }: Outcome, words: StringPool): string => {
  const place = [row, decidedAt, words.numberOf(position.generation), position.sequence] as const;
  if (outcome.kind !== 'license') return JSON.stringify([...place, outcome] satisfies PackedAnswer);
  const { license } = outcome;
  const packed = pack({ ...license, validated: false, ended: 'no' }, undefined, words);
  const of: PackedOutcome = [license.hardwareId, license.deviceId, packed, license.holder ?? null];
  return JSON.stringify([...place, of] satisfies PackedAnswer);
};

export const unpackAnswer = (row: string, requestId: string, words: StringPool): Outcome => {
  const [rule, decidedAt, generation, sequence, packed] = JSON.parse(row) as PackedAnswer;
  const place = {
    requestId,
    row: rule,
    decidedAt,
    position: { generation: words.stringAt(generation), sequence },
  };
  if (!Array.isArray(packed)) return { ...place, outcome: packed };
  const [hardwareId, deviceId, of, holder] = packed;
  const facts = factsOf(unpack(of, { hardwareId, deviceId }, undefined, words));
  const license = holder === null ? facts : { ...facts, holder };
  return { ...place, outcome: { kind: 'license', license } };
};
