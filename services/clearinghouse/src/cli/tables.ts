// Plain tables for a terminal.

import type { AgreementLine, CodeLine, VendorAdmin } from '../ports.ts';
import type { SigningKey } from '../adapters/key-material.ts';

const table = (head: readonly string[], rows: readonly (readonly string[])[], none: string): string => {
  if (rows.length === 0) return none;
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]?.length ?? 0)));
  const line = (r: readonly string[]): string =>
    r
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
};

export const grouped = (id: string): string => id.replaceAll(/(.{5})(?=.)/g, '$1-');
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

export const agreementsText = (list: readonly AgreementLine[]): string =>
  table(
    ['PROGRAM', 'AGREEMENT', 'COMPANY', 'VERSION', 'TYPE', 'CALS', 'ISSUED', 'LEFT'],
    list.flatMap((a) =>
      a.covers.map((c) => [
        a.program,
        a.agreementNumber,
        a.company,
        c.version,
        c.mode,
        String(c.quantity),
        String(c.issued),
        String(c.left),
      ]),
    ),
    'No agreements yet: clearinghouse agreements add <file.json>.',
  );

export const serversText = (list: ReturnType<VendorAdmin['servers']>): string =>
  table(
    [
      'LICENSE SERVER',
      'STANDING',
      'EPOCH',
      'PRODUCT ID',
      'ACCOUNT',
      'COMPANY',
      'ACTIVATED (UTC)',
      'LAST WITNESS',
      'CLONE SEEN (UTC)',
      'CALS',
    ],
    list.map((s) => [
      grouped(s.serverId),
      s.standing,
      String(s.epoch),
      s.productId,
      s.user,
      s.contact.company,
      day(s.activatedAt),
      s.witness ? `${s.witness.generation.slice(0, 8)}/${s.witness.sequence}` : '-',
      s.cloneAt === null ? '-' : day(s.cloneAt),
      `${s.cals} in ${s.keyPacks}`,
    ]),
    'No license server is activated yet.',
  );

export const codesText = (list: readonly CodeLine[]): string =>
  table(
    ['NUMBER', 'VERSION', 'TYPE', 'CALS', 'MADE (UTC)', 'USED (UTC)', 'BY'],
    list.map((c) => [
      String(c.number),
      c.version,
      c.mode,
      String(c.quantity),
      day(c.generatedAt),
      c.usedAt === null ? '-' : day(c.usedAt),
      c.usedBy === null ? '-' : grouped(c.usedBy),
    ]),
    'No license codes yet: clearinghouse codes generate.',
  );

export const keysText = (list: readonly SigningKey[]): string =>
  table(
    ['KEY', 'FROM (UTC)', 'UNTIL (UTC)', 'SIGNS'],
    list.map((k) => [k.name, day(k.notBefore), day(k.notAfter), k.current ? 'yes' : 'no more']),
    'No signing key yet: it is made when the service starts.',
  );

export const packsText = (list: ReturnType<VendorAdmin['packs']>): string =>
  table(
    [
      'KEY PACK',
      'LICENSE SERVER',
      'EPOCH',
      'PROGRAM',
      'AGREEMENT',
      'VERSION',
      'TYPE',
      'CALS LEFT',
      'ISSUED (UTC)',
    ],
    list.map((p) => [
      grouped(p.keyPackId),
      grouped(p.serverId),
      String(p.epoch),
      p.purchase.program,
      p.purchase.agreementNumber,
      p.purchase.version,
      p.purchase.mode,
      String(p.purchase.quantity),
      day(p.issuedAt),
    ]),
    'No key packs were issued yet.',
  );
