// A command to the Clearinghouse in its shortest form. Pure values in, bits out; keys and signatures are the trust package's.

import { agreementProgram } from '@calbus/contracts/agreement-numbers';
import type { Contact, Installable, AgreementReference } from '@calbus/contracts/purchases';
import {
  clearinghouseCommand,
  reactivationReason,
  type ClearinghouseCommand,
} from '@calbus/contracts/clearinghouse';
import type { BitReader, BitWriter } from './phone-code-bits.ts';
import { licensingMode } from '@calbus/contracts/tokens';
import { productVersions } from '@calbus/contracts/versions';

/** The order is the code: the list only grows. */
const types = ['activate', 'install', 'reactivate', 'deactivate', 'recover', 'change-pack'] as const;
const programs = [...agreementProgram.options, 'retail'] as const;
const modes = licensingMode.options;
const reasons = reactivationReason.options;
const required = ['firstName', 'lastName', 'company', 'country'] as const;
const optional = ['email', 'organisationUnit', 'address', 'city', 'state', 'postalCode'] as const;

const pick = <T extends string>(list: readonly T[], index: number): T | undefined => list[index];

/** What is in a key pack, without the paper. */
export type PackContents = { readonly version: string; readonly mode: string; readonly quantity: number };
export const writeContents = (w: BitWriter, c: PackContents): void => {
  w.uint(
    productVersions.findIndex((v) => v === c.version),
    5,
  );
  w.uint(
    modes.findIndex((m) => m === c.mode),
    1,
  );
  w.count(c.quantity);
};
export const readContents = (r: BitReader) => ({
  version: pick(productVersions, r.uint(5)),
  mode: pick(modes, r.uint(1)),
  quantity: r.count(),
});

export const writeAgreement = (w: BitWriter, p: { program: string; agreementNumber: string }): void => {
  w.uint(
    programs.findIndex((x) => x === p.program),
    4,
  );
  w.text(p.agreementNumber);
};
export const readAgreement = (r: BitReader) => ({
  program: pick(programs, r.uint(4)),
  agreementNumber: r.text(),
});

const writeInstallable = (w: BitWriter, p: Installable): void => {
  w.flag(p.program === 'retail');
  if (p.program === 'retail') return w.code(p.code);
  writeAgreement(w, p satisfies AgreementReference);
  writeContents(w, p);
};
const readInstallable = (r: BitReader) =>
  r.flag() ? { program: 'retail', code: r.code(25) } : { ...readAgreement(r), ...readContents(r) };

const writeContact = (w: BitWriter, c: Contact): void => {
  for (const name of required) w.text(c[name]);
  for (const name of optional) {
    const value = c[name];
    w.flag(value !== undefined);
    if (value !== undefined) w.text(value);
  }
};
const readContact = (r: BitReader): object =>
  Object.fromEntries([
    ...required.map((name) => [name, r.text()]),
    ...optional.flatMap((name) => (r.flag() ? [[name, r.text()]] : [])),
  ]);

export const writeProductId = (w: BitWriter, id: string): void => w.id(id.replaceAll('-', ''));
export const readProductId = (r: BitReader): string => (r.id(20).match(/.{5}/g) ?? []).join('-');

const hexToBytes = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const bytesToHex = (bytes: Uint8Array): string =>
  [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');

const writeWitness = (w: BitWriter, witness: ClearinghouseCommand['witness']): void => {
  w.flag(witness !== null);
  if (witness === null) return;
  w.text(witness.generation);
  w.count(witness.sequence);
  w.bytes(hexToBytes(witness.hash));
};
const readWitness = (r: BitReader): object | null =>
  r.flag() ? { generation: r.text(), sequence: r.count(), hash: bytesToHex(r.bytes(32)) } : null;

const ID = 35;

const writeBody = (w: BitWriter, c: ClearinghouseCommand): void => {
  switch (c.type) {
    case 'activate':
      return writeContact(w, c.body.contact);
    case 'install':
      return writeInstallable(w, c.body);
    case 'reactivate': {
      const { reason, paper, issued } = c.body;
      w.uint(reasons.indexOf(reason), 4);
      writeAgreement(w, paper);
      w.flag(issued !== undefined);
      if (issued === undefined) return;
      w.count(issued.length);
      for (const one of issued) {
        w.id(one.keyPackId);
        w.count(one.issued);
      }
      return;
    }
    case 'deactivate':
      return;
    case 'recover':
      return writeAgreement(w, c.body.paper);
    case 'change-pack':
      w.id(c.body.keyPackId);
      w.count(c.body.quantity);
      return w.flag(c.body.to === 'agreement');
  }
};

const readBody = (r: BitReader, type: ClearinghouseCommand['type']): object => {
  switch (type) {
    case 'activate':
      return { contact: readContact(r) };
    case 'install':
      return readInstallable(r);
    case 'reactivate': {
      const body = { reason: pick(reasons, r.uint(4)), paper: readAgreement(r) };
      if (!r.flag()) return body;
      const length = Math.min(r.count(), 1_001);
      const issued = Array.from({ length }, () => ({ keyPackId: r.id(ID), issued: r.count() }));
      return { ...body, issued };
    }
    case 'deactivate':
      return {};
    case 'recover':
      return { paper: readAgreement(r) };
    case 'change-pack':
      return { keyPackId: r.id(ID), quantity: r.count(), to: r.flag() ? 'agreement' : 'other-mode' };
  }
};

export const writeCommand = (w: BitWriter, c: ClearinghouseCommand): void => {
  w.uint(types.indexOf(c.type), 4);
  w.text(c.id);
  w.instant(c.issuedAt);
  writeProductId(w, c.productId);
  w.count(c.sequence);
  writeWitness(w, c.witness);
  if (c.type !== 'activate') w.id(c.serverId);
  if (c.type !== 'activate' && c.type !== 'reactivate') w.count(c.epoch);
  writeBody(w, c);
};

/** Never throws; undefined where it is no command. */
export const readCommand = (r: BitReader): ClearinghouseCommand | undefined => {
  const type = pick(types, r.uint(4));
  if (type === undefined) return undefined;
  const id = r.text();
  const issuedAt = r.instant();
  const head = { id, version: 1, issuedAt, type, productId: readProductId(r), sequence: r.count() };
  const witness = readWitness(r);
  const of = type === 'activate' ? {} : { serverId: r.id(ID) };
  const epoch = type === 'activate' || type === 'reactivate' ? {} : { epoch: r.count() };
  return clearinghouseCommand.safeParse({ ...head, witness, ...of, ...epoch, body: readBody(r, type) }).data;
};
