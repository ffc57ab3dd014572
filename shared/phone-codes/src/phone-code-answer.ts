// An answer of the Clearinghouse in its shortest form. Both sides have the command that it answers, so what the command says already is not
// said again. Pure values in, bits out; a certificate is what varies in it, from which the trust package makes it again.

import {
  clearinghouseReasons,
  type ClearinghouseAnswer,
  type ClearinghouseCommand,
  type ClearinghouseReason,
  type KeyPackClaims,
} from '@calbus/contracts/clearinghouse';
import type { PurchasedCals } from '@calbus/contracts/purchases';
import type { BitReader, BitWriter } from './phone-code-bits.ts';
import { readContents, readAgreement, writeContents, writeAgreement } from './phone-code-command.ts';

/** The parts of a Clearinghouse certificate that vary, or the whole certificate if it cannot be rebuilt from them. */
export type PhoneCodeCertificate =
  | {
      readonly kind: 'parts';
      readonly commonName: string;
      readonly serial: Uint8Array;
      /** Whole seconds. */
      readonly notBefore: number;
      readonly notAfter: number;
      readonly key: Uint8Array;
      readonly signature: Uint8Array;
    }
  | { readonly kind: 'whole'; readonly der: Uint8Array };

/** A statement as it is said: its payload, and what its header and signature add. `certificate` null: that of the answer. */
export type PhoneCodePack = {
  readonly claims: KeyPackClaims;
  readonly certificate: PhoneCodeCertificate | null;
  readonly signature: Uint8Array;
};
type Head = {
  readonly id: string;
  readonly issuedAt: number;
  /** The answer gives the hash of the command, which both sides can make. */
  readonly hashed: boolean;
  readonly certificate: PhoneCodeCertificate;
  readonly signature: Uint8Array;
};
export type PhoneCodeBody =
  | {
      readonly type: 'activated';
      readonly serverId: string;
      readonly epoch: number;
      readonly chain: readonly PhoneCodeCertificate[];
    }
  | { readonly type: 'key-pack'; readonly pack: PhoneCodePack }
  | { readonly type: 'deactivated' }
  | { readonly type: 'recovered'; readonly packs: readonly PhoneCodePack[] }
  | {
      readonly type: 'pack-changed';
      readonly keyPackId: string;
      readonly quantity: number;
      readonly pack: PhoneCodePack | null;
    }
  | { readonly type: 'rejected'; readonly reason: ClearinghouseReason; readonly says: string };
export type PhoneCodeAnswer = Head & { readonly body: PhoneCodeBody };

/** What both sides know: the command, and the key that signed it. */
export type AnswerContext = { readonly command: ClearinghouseCommand; readonly key: Uint8Array };

/** The order is the code: the list only grows. */
const types = [
  'activated',
  'key-pack',
  'deactivated',
  'recovered',
  'pack-changed',
  'rejected',
] as const satisfies readonly ClearinghouseAnswer['type'][];
const reasonList = Object.keys(clearinghouseReasons) as ClearinghouseReason[];
const ID = 35;

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

/** A value that the other side may know: one bit where it does. */
const writeUnlessKnown = <T>(w: BitWriter, known: boolean, value: T, say: (value: T) => void): void => {
  w.flag(known);
  if (!known) say(value);
};
const readUnlessKnown = <T>(r: BitReader, known: T, hear: () => T): T => (r.flag() ? known : hear());

const serverIdOf = ({ command }: AnswerContext): string => ('serverId' in command ? command.serverId : '');
const epochOf = ({ command }: AnswerContext): number => ('epoch' in command ? command.epoch : 0);

const writeCertificate = (w: BitWriter, c: PhoneCodeCertificate, x: AnswerContext, name: string): void => {
  w.flag(c.kind === 'parts');
  if (c.kind === 'whole') {
    w.count(c.der.length);
    return w.bytes(c.der);
  }
  writeUnlessKnown(w, c.commonName === name, c.commonName, w.text);
  w.count(c.serial.length);
  w.bytes(c.serial);
  w.instant(c.notBefore * 1_000);
  w.count((c.notAfter - c.notBefore) / 60);
  writeUnlessKnown(w, sameBytes(c.key, x.key), c.key, w.bytes);
  w.bytes(c.signature);
};
const MAX_DER_BYTES = 4_096;
const readCertificate = (r: BitReader, x: AnswerContext, name: string): PhoneCodeCertificate => {
  if (!r.flag()) return { kind: 'whole', der: r.bytes(Math.min(r.count(), MAX_DER_BYTES)) };
  const commonName = readUnlessKnown(r, name, r.text);
  const serial = r.bytes(Math.min(r.count(), 32));
  const notBefore = Math.floor(r.instant() / 1_000);
  const notAfter = notBefore + r.count() * 60;
  const key = readUnlessKnown(r, x.key, () => r.bytes(32));
  return { kind: 'parts', commonName, serial, notBefore, notAfter, key, signature: r.bytes(64) };
};

/** What the command says of the purchase, where it says all of it. */
const requestedPurchase = ({ command }: AnswerContext): PurchasedCals | undefined =>
  command.type === 'install' && command.body.program !== 'retail' ? command.body : undefined;
const samePurchase = (a: PurchasedCals | undefined, b: PurchasedCals): boolean =>
  a !== undefined &&
  a.program === b.program &&
  a.agreementNumber === b.agreementNumber &&
  a.version === b.version &&
  a.mode === b.mode &&
  a.quantity === b.quantity;

const writePack = (w: BitWriter, p: PhoneCodePack, x: AnswerContext, at: number): void => {
  const { keyPackId, serverId, epoch, issuedAt, purchase } = p.claims;
  w.id(keyPackId);
  writeUnlessKnown(w, serverId === serverIdOf(x), serverId, w.id);
  writeUnlessKnown(w, epoch === epochOf(x), epoch, w.count);
  writeUnlessKnown(w, issuedAt === at, issuedAt, w.instant);
  writeUnlessKnown(w, samePurchase(requestedPurchase(x), purchase), purchase, (b) => {
    writeAgreement(w, b);
    writeContents(w, b);
  });
  w.flag(p.certificate === null);
  if (p.certificate !== null) writeCertificate(w, p.certificate, x, '');
  w.bytes(p.signature);
};
const readPack = (r: BitReader, x: AnswerContext, at: number) => ({
  claims: {
    version: 1,
    keyPackId: r.id(ID),
    serverId: readUnlessKnown(r, serverIdOf(x), () => r.id(ID)),
    epoch: readUnlessKnown(r, epochOf(x), r.count),
    issuedAt: readUnlessKnown(r, at, r.instant),
    purchase: readUnlessKnown<unknown>(r, requestedPurchase(x), () => ({
      ...readAgreement(r),
      ...readContents(r),
    })),
  },
  certificate: r.flag() ? null : readCertificate(r, x, ''),
  signature: r.bytes(64),
});
/** A decoded pack. The code that rebuilds the statement validates it. */
export type DecodedPack = ReturnType<typeof readPack>;
export type DecodedBody =
  | Exclude<PhoneCodeBody, { type: 'key-pack' | 'recovered' | 'pack-changed' }>
  | { readonly type: 'key-pack'; readonly pack: DecodedPack }
  | { readonly type: 'recovered'; readonly packs: readonly DecodedPack[] }
  | {
      readonly type: 'pack-changed';
      readonly keyPackId: string;
      readonly quantity: number;
      readonly pack: DecodedPack | null;
    };
export type DecodedAnswer = Head & { readonly body: DecodedBody };

/** The standard sentence of a reason is not said. */
const writeRejection = (w: BitWriter, reason: ClearinghouseReason, says: string): void => {
  w.count(reasonList.indexOf(reason));
  const standard = clearinghouseReasons[reason];
  const begins = says.startsWith(standard);
  w.flag(begins);
  w.text(begins ? says.slice(standard.length) : says);
};

const requestedChange = ({ command }: AnswerContext) =>
  command.type === 'change-pack' ? command.body : { keyPackId: '', quantity: 0 };

const writeBody = (w: BitWriter, b: PhoneCodeBody, x: AnswerContext, at: number): void => {
  switch (b.type) {
    case 'activated':
      writeUnlessKnown(w, b.serverId === serverIdOf(x), b.serverId, w.id);
      w.count(b.epoch);
      w.count(b.chain.length);
      for (const certificate of b.chain) writeCertificate(w, certificate, x, b.serverId);
      return;
    case 'key-pack':
      return writePack(w, b.pack, x, at);
    case 'deactivated':
      return;
    case 'recovered':
      w.count(b.packs.length);
      for (const pack of b.packs) writePack(w, pack, x, at);
      return;
    case 'pack-changed': {
      const known = requestedChange(x);
      writeUnlessKnown(w, b.keyPackId === known.keyPackId, b.keyPackId, w.id);
      writeUnlessKnown(w, b.quantity === known.quantity, b.quantity, w.count);
      w.flag(b.pack !== null);
      if (b.pack !== null) writePack(w, b.pack, x, at);
      return;
    }
    case 'rejected':
      return writeRejection(w, b.reason, b.says);
  }
};

const readBody = (r: BitReader, x: AnswerContext, at: number): DecodedBody | undefined => {
  const type = types[r.uint(4)];
  switch (type) {
    case 'activated': {
      const serverId = readUnlessKnown(r, serverIdOf(x), () => r.id(ID));
      const epoch = r.count();
      const length = Math.min(r.count(), 4);
      return { type, serverId, epoch, chain: Array.from({ length }, () => readCertificate(r, x, serverId)) };
    }
    case 'key-pack':
      return { type, pack: readPack(r, x, at) };
    case 'deactivated':
      return { type };
    case 'recovered': {
      const length = Math.min(r.count(), 101);
      return { type, packs: Array.from({ length }, () => readPack(r, x, at)) };
    }
    case 'pack-changed': {
      const known = requestedChange(x);
      const keyPackId = readUnlessKnown(r, known.keyPackId, () => r.id(ID));
      const quantity = readUnlessKnown(r, known.quantity, r.count);
      return { type, keyPackId, quantity, pack: r.flag() ? readPack(r, x, at) : null };
    }
    case 'rejected': {
      const reason = reasonList[r.count()];
      if (reason === undefined) return undefined;
      return { type, reason, says: (r.flag() ? clearinghouseReasons[reason] : '') + r.text() };
    }
    default:
      return undefined;
  }
};

/** Enough of a command's id to tell answers to two commands apart. */
const TAG_BITS = 20;
const tagOf = ({ command }: AnswerContext): number => {
  let tag = 0;
  for (const c of `${command.productId} ${command.id}`)
    tag = (tag * 31 + (c.codePointAt(0) ?? 0)) % 2 ** TAG_BITS;
  return tag;
};

export const writeAnswer = (w: BitWriter, a: PhoneCodeAnswer, x: AnswerContext): void => {
  w.uint(tagOf(x), TAG_BITS);
  w.text(a.id);
  w.instant(a.issuedAt);
  w.flag(a.hashed);
  w.uint(types.indexOf(a.body.type), 4);
  writeBody(w, a.body, x, a.issuedAt);
  writeCertificate(w, a.certificate, x, '');
  w.bytes(a.signature);
};

/** Never throws. */
export const readAnswer = (r: BitReader, x: AnswerContext): DecodedAnswer | 'other-command' | 'garbage' => {
  if (r.uint(TAG_BITS) !== tagOf(x)) return 'other-command';
  const id = r.text();
  const issuedAt = r.instant();
  const hashed = r.flag();
  const body = readBody(r, x, issuedAt);
  if (!body) return 'garbage';
  const certificate = readCertificate(r, x, '');
  const heard = { id, issuedAt, hashed, body, certificate, signature: r.bytes(64) };
  return r.ended() ? heard : 'garbage';
};
