// A command to the Clearinghouse in its shortest form. Pure values in, bits out; keys and signatures are the trust package's.

import {
  agreementProgram,
  clearinghouseCommand,
  reactivationReason,
  type ClearinghouseCommand,
  type Contact,
  type Installable,
  type Paper,
} from './clearinghouse.ts';
import type { BitReader, BitWriter } from './spoken-bits.ts';
import { licensingMode } from './tokens.ts';
import { productVersions } from './versions.ts';

/** The order is the code: the list only grows. */
const types = ['activate', 'install', 'reactivate', 'deactivate', 'recover', 'change-pack'] as const;
const programs = [...agreementProgram.options, 'retail'] as const;
const modes = licensingMode.options;
const reasons = reactivationReason.options;
const required = ['firstName', 'lastName', 'company', 'country'] as const;
const optional = ['email', 'organisationUnit', 'address', 'city', 'state', 'postalCode'] as const;

const pick = <T extends string>(list: readonly T[], index: number): T | undefined => list[index];

/** What is in a key pack, without the paper. */
export type Contents = { readonly version: string; readonly mode: string; readonly quantity: number };
export const putContents = (w: BitWriter, c: Contents): void => {
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
export const getContents = (r: BitReader) => ({
  version: pick(productVersions, r.uint(5)),
  mode: pick(modes, r.uint(1)),
  quantity: r.count(),
});

export const putPaper = (w: BitWriter, p: { program: string; agreementNumber: string }): void => {
  w.uint(
    programs.findIndex((x) => x === p.program),
    4,
  );
  w.text(p.agreementNumber);
};
export const getPaper = (r: BitReader) => ({ program: pick(programs, r.uint(4)), agreementNumber: r.text() });

const putInstallable = (w: BitWriter, p: Installable): void => {
  w.flag(p.program === 'retail');
  if (p.program === 'retail') return w.code(p.code);
  putPaper(w, p satisfies Paper);
  putContents(w, p);
};
const getInstallable = (r: BitReader) =>
  r.flag() ? { program: 'retail', code: r.code(25) } : { ...getPaper(r), ...getContents(r) };

const putContact = (w: BitWriter, c: Contact): void => {
  for (const name of required) w.text(c[name]);
  for (const name of optional) {
    const value = c[name];
    w.flag(value !== undefined);
    if (value !== undefined) w.text(value);
  }
};
const getContact = (r: BitReader): object =>
  Object.fromEntries([
    ...required.map((name) => [name, r.text()]),
    ...optional.flatMap((name) => (r.flag() ? [[name, r.text()]] : [])),
  ]);

export const putProductId = (w: BitWriter, id: string): void => w.id(id.replaceAll('-', ''));
export const getProductId = (r: BitReader): string => (r.id(20).match(/.{5}/g) ?? []).join('-');

const hexToBytes = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const bytesToHex = (bytes: Uint8Array): string =>
  [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');

const putWitness = (w: BitWriter, witness: ClearinghouseCommand['witness']): void => {
  w.flag(witness !== null);
  if (witness === null) return;
  w.text(witness.generation);
  w.count(witness.sequence);
  w.bytes(hexToBytes(witness.hash));
};
const getWitness = (r: BitReader): object | null =>
  r.flag() ? { generation: r.text(), sequence: r.count(), hash: bytesToHex(r.bytes(32)) } : null;

const ID = 35;

const putBody = (w: BitWriter, c: ClearinghouseCommand): void => {
  switch (c.type) {
    case 'activate':
      return putContact(w, c.body.contact);
    case 'install':
      return putInstallable(w, c.body);
    case 'reactivate': {
      const { reason, paper, issued } = c.body;
      w.uint(reasons.indexOf(reason), 4);
      putPaper(w, paper);
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
      return putPaper(w, c.body.paper);
    case 'change-pack':
      w.id(c.body.keyPackId);
      w.count(c.body.quantity);
      return w.flag(c.body.to === 'agreement');
  }
};

const getBody = (r: BitReader, type: ClearinghouseCommand['type']): object => {
  switch (type) {
    case 'activate':
      return { contact: getContact(r) };
    case 'install':
      return getInstallable(r);
    case 'reactivate': {
      const body = { reason: pick(reasons, r.uint(4)), paper: getPaper(r) };
      if (!r.flag()) return body;
      const length = Math.min(r.count(), 1_001);
      const issued = Array.from({ length }, () => ({ keyPackId: r.id(ID), issued: r.count() }));
      return { ...body, issued };
    }
    case 'deactivate':
      return {};
    case 'recover':
      return { paper: getPaper(r) };
    case 'change-pack':
      return { keyPackId: r.id(ID), quantity: r.count(), to: r.flag() ? 'agreement' : 'other-mode' };
  }
};

export const putCommand = (w: BitWriter, c: ClearinghouseCommand): void => {
  w.uint(types.indexOf(c.type), 4);
  w.text(c.id);
  w.instant(c.issuedAt);
  putProductId(w, c.productId);
  w.count(c.sequence);
  putWitness(w, c.witness);
  if (c.type !== 'activate') w.id(c.serverId);
  if (c.type !== 'activate' && c.type !== 'reactivate') w.count(c.epoch);
  putBody(w, c);
};

/** Never throws; undefined where it is no command. */
export const getCommand = (r: BitReader): ClearinghouseCommand | undefined => {
  const type = pick(types, r.uint(4));
  if (type === undefined) return undefined;
  const id = r.text();
  const issuedAt = r.instant();
  const head = { id, version: 1, issuedAt, type, productId: getProductId(r), sequence: r.count() };
  const witness = getWitness(r);
  const of = type === 'activate' ? {} : { serverId: r.id(ID) };
  const epoch = type === 'activate' || type === 'reactivate' ? {} : { epoch: r.count() };
  return clearinghouseCommand.safeParse({ ...head, witness, ...of, ...epoch, body: getBody(r, type) }).data;
};
