// An answer of the Clearinghouse in its shortest form. Both sides have the command that it answers, so what the command says already is not
// said again. Pure values in, bits out; a certificate is what varies in it, from which the trust package makes it again.

import {
  clearinghouseReasons,
  type Bought,
  type ClearinghouseAnswer,
  type ClearinghouseCommand,
  type ClearinghouseReason,
  type KeyPackClaims,
} from './clearinghouse.ts';
import type { BitReader, BitWriter } from './spoken-bits.ts';
import { getContents, getPaper, putContents, putPaper } from './spoken-command.ts';

/** What varies in a certificate of the Clearinghouse, or the whole of it where it is none that can be made again. */
export type SpokenCertificate =
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
export type SpokenPack = {
  readonly claims: KeyPackClaims;
  readonly certificate: SpokenCertificate | null;
  readonly signature: Uint8Array;
};
type Head = {
  readonly id: string;
  readonly issuedAt: number;
  /** The answer gives the hash of the command, which both sides can make. */
  readonly hashed: boolean;
  readonly certificate: SpokenCertificate;
  readonly signature: Uint8Array;
};
export type SpokenBody =
  | {
      readonly type: 'activated';
      readonly serverId: string;
      readonly epoch: number;
      readonly chain: readonly SpokenCertificate[];
    }
  | { readonly type: 'key-pack'; readonly pack: SpokenPack }
  | { readonly type: 'deactivated' }
  | { readonly type: 'recovered'; readonly packs: readonly SpokenPack[] }
  | {
      readonly type: 'pack-changed';
      readonly keyPackId: string;
      readonly quantity: number;
      readonly pack: SpokenPack | null;
    }
  | { readonly type: 'rejected'; readonly reason: ClearinghouseReason; readonly says: string };
export type SpokenAnswer = Head & { readonly body: SpokenBody };

/** What both sides know: the command, and the key that signed it. */
export type Context = { readonly command: ClearinghouseCommand; readonly key: Uint8Array };

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
const put = <T>(w: BitWriter, known: boolean, value: T, say: (value: T) => void): void => {
  w.flag(known);
  if (!known) say(value);
};
const get = <T>(r: BitReader, known: T, hear: () => T): T => (r.flag() ? known : hear());

const serverIdOf = ({ command }: Context): string => ('serverId' in command ? command.serverId : '');
const epochOf = ({ command }: Context): number => ('epoch' in command ? command.epoch : 0);

const putCertificate = (w: BitWriter, c: SpokenCertificate, x: Context, name: string): void => {
  w.flag(c.kind === 'parts');
  if (c.kind === 'whole') {
    w.count(c.der.length);
    return w.bytes(c.der);
  }
  put(w, c.commonName === name, c.commonName, w.text);
  w.count(c.serial.length);
  w.bytes(c.serial);
  w.instant(c.notBefore * 1_000);
  w.count((c.notAfter - c.notBefore) / 60);
  put(w, sameBytes(c.key, x.key), c.key, w.bytes);
  w.bytes(c.signature);
};
const MOST_DER = 4_096;
const getCertificate = (r: BitReader, x: Context, name: string): SpokenCertificate => {
  if (!r.flag()) return { kind: 'whole', der: r.bytes(Math.min(r.count(), MOST_DER)) };
  const commonName = get(r, name, r.text);
  const serial = r.bytes(Math.min(r.count(), 32));
  const notBefore = Math.floor(r.instant() / 1_000);
  const notAfter = notBefore + r.count() * 60;
  const key = get(r, x.key, () => r.bytes(32));
  return { kind: 'parts', commonName, serial, notBefore, notAfter, key, signature: r.bytes(64) };
};

/** What the command says of the purchase, where it says all of it. */
const asked = ({ command }: Context): Bought | undefined =>
  command.type === 'install' && command.body.program !== 'retail' ? command.body : undefined;
const sameBought = (a: Bought | undefined, b: Bought): boolean =>
  a !== undefined &&
  a.program === b.program &&
  a.agreementNumber === b.agreementNumber &&
  a.version === b.version &&
  a.mode === b.mode &&
  a.quantity === b.quantity;

const putPack = (w: BitWriter, p: SpokenPack, x: Context, at: number): void => {
  const { keyPackId, serverId, epoch, issuedAt, purchase } = p.claims;
  w.id(keyPackId);
  put(w, serverId === serverIdOf(x), serverId, w.id);
  put(w, epoch === epochOf(x), epoch, w.count);
  put(w, issuedAt === at, issuedAt, w.instant);
  put(w, sameBought(asked(x), purchase), purchase, (b) => {
    putPaper(w, b);
    putContents(w, b);
  });
  w.flag(p.certificate === null);
  if (p.certificate !== null) putCertificate(w, p.certificate, x, '');
  w.bytes(p.signature);
};
const getPack = (r: BitReader, x: Context, at: number) => ({
  claims: {
    version: 1,
    keyPackId: r.id(ID),
    serverId: get(r, serverIdOf(x), () => r.id(ID)),
    epoch: get(r, epochOf(x), r.count),
    issuedAt: get(r, at, r.instant),
    purchase: get<unknown>(r, asked(x), () => ({ ...getPaper(r), ...getContents(r) })),
  },
  certificate: r.flag() ? null : getCertificate(r, x, ''),
  signature: r.bytes(64),
});
/** As it was heard: whether it is a pack is for whoever makes the statement again. */
export type HeardPack = ReturnType<typeof getPack>;
export type HeardBody =
  | Exclude<SpokenBody, { type: 'key-pack' | 'recovered' | 'pack-changed' }>
  | { readonly type: 'key-pack'; readonly pack: HeardPack }
  | { readonly type: 'recovered'; readonly packs: readonly HeardPack[] }
  | {
      readonly type: 'pack-changed';
      readonly keyPackId: string;
      readonly quantity: number;
      readonly pack: HeardPack | null;
    };
export type HeardAnswer = Head & { readonly body: HeardBody };

/** The standard sentence of a reason is not said. */
const putRejection = (w: BitWriter, reason: ClearinghouseReason, says: string): void => {
  w.count(reasonList.indexOf(reason));
  const standard = clearinghouseReasons[reason];
  const begins = says.startsWith(standard);
  w.flag(begins);
  w.text(begins ? says.slice(standard.length) : says);
};

const changeOf = ({ command }: Context) =>
  command.type === 'change-pack' ? command.body : { keyPackId: '', quantity: 0 };

const putBody = (w: BitWriter, b: SpokenBody, x: Context, at: number): void => {
  switch (b.type) {
    case 'activated':
      put(w, b.serverId === serverIdOf(x), b.serverId, w.id);
      w.count(b.epoch);
      w.count(b.chain.length);
      for (const certificate of b.chain) putCertificate(w, certificate, x, b.serverId);
      return;
    case 'key-pack':
      return putPack(w, b.pack, x, at);
    case 'deactivated':
      return;
    case 'recovered':
      w.count(b.packs.length);
      for (const pack of b.packs) putPack(w, pack, x, at);
      return;
    case 'pack-changed': {
      const known = changeOf(x);
      put(w, b.keyPackId === known.keyPackId, b.keyPackId, w.id);
      put(w, b.quantity === known.quantity, b.quantity, w.count);
      w.flag(b.pack !== null);
      if (b.pack !== null) putPack(w, b.pack, x, at);
      return;
    }
    case 'rejected':
      return putRejection(w, b.reason, b.says);
  }
};

const getBody = (r: BitReader, x: Context, at: number): HeardBody | undefined => {
  const type = types[r.uint(4)];
  switch (type) {
    case 'activated': {
      const serverId = get(r, serverIdOf(x), () => r.id(ID));
      const epoch = r.count();
      const length = Math.min(r.count(), 4);
      return { type, serverId, epoch, chain: Array.from({ length }, () => getCertificate(r, x, serverId)) };
    }
    case 'key-pack':
      return { type, pack: getPack(r, x, at) };
    case 'deactivated':
      return { type };
    case 'recovered': {
      const length = Math.min(r.count(), 101);
      return { type, packs: Array.from({ length }, () => getPack(r, x, at)) };
    }
    case 'pack-changed': {
      const known = changeOf(x);
      const keyPackId = get(r, known.keyPackId, () => r.id(ID));
      const quantity = get(r, known.quantity, r.count);
      return { type, keyPackId, quantity, pack: r.flag() ? getPack(r, x, at) : null };
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
const tagOf = ({ command }: Context): number => {
  let tag = 0;
  for (const c of `${command.productId} ${command.id}`)
    tag = (tag * 31 + (c.codePointAt(0) ?? 0)) % 2 ** TAG_BITS;
  return tag;
};

export const putAnswer = (w: BitWriter, a: SpokenAnswer, x: Context): void => {
  w.uint(tagOf(x), TAG_BITS);
  w.text(a.id);
  w.instant(a.issuedAt);
  w.flag(a.hashed);
  w.uint(types.indexOf(a.body.type), 4);
  putBody(w, a.body, x, a.issuedAt);
  putCertificate(w, a.certificate, x, '');
  w.bytes(a.signature);
};

/** Never throws. */
export const getAnswer = (r: BitReader, x: Context): HeardAnswer | 'other-command' | 'garbage' => {
  if (r.uint(TAG_BITS) !== tagOf(x)) return 'other-command';
  const id = r.text();
  const issuedAt = r.instant();
  const hashed = r.flag();
  const body = getBody(r, x, issuedAt);
  if (!body) return 'garbage';
  const certificate = getCertificate(r, x, '');
  const heard = { id, issuedAt, hashed, body, certificate, signature: r.bytes(64) };
  return r.ended() ? heard : 'garbage';
};
