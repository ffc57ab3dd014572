// A fake RDP client, up to the end of licensing: its frames, and its side of the license exchange. tests/rdp has real clients.

import { constants, createHash, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto';
import {
  ascii,
  concat,
  hex,
  reader,
  u16be,
  u16le,
  u32le,
  utf16,
} from '../../../services/session-gateway/src/domain/bytes.ts';
import { encodePerLength } from '../../../services/session-gateway/src/domain/lengths.ts';
import {
  licenseKeys,
  mac,
  rc4,
  type Digests,
  type LicenseKeys,
} from '../../../services/session-gateway/src/domain/license-crypto.ts';
import { encodeFrame } from '../../../services/session-gateway/src/domain/tpkt.ts';
import { encodeData } from '../../../services/session-gateway/src/domain/x224.ts';

export const digests: Digests = {
  md5: (bytes) => createHash('md5').update(bytes).digest(),
  sha1: (bytes) => createHash('sha1').update(bytes).digest(),
};

export const MCS_USER = 1007;
export const IO_CHANNEL = 1003;

export const connectionRequest = (protocols: number | null, cookie = ''): Uint8Array => {
  const negotiation = protocols === null ? [] : [1, 0, 8, 0, ...u32le(protocols)];
  const variable = concat(ascii(cookie), negotiation);
  return encodeFrame(concat([variable.length + 6, 0xe0, 0, 0, 0, 0, 0], variable));
};

export const connectionConfirm = (protocol: number): Uint8Array =>
  encodeFrame(concat([14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0], u32le(protocol)));

export type ClientBlock = { readonly type: number; readonly data: Uint8Array };

export const coreBlock = (clientName: string): ClientBlock => {
  const data = new Uint8Array(212);
  data.set(utf16(clientName.slice(0, 15)), 20);
  return { type: 0xc001, data };
};

const ber = (tag: readonly number[], value: Uint8Array): Uint8Array =>
  concat(tag, [0x82], u16be(value.length), value);

export const connectInitial = (blocks: readonly ClientBlock[]): Uint8Array => {
  const data = concat(...blocks.flatMap((b) => [concat(u16le(b.type), u16le(b.data.length + 4)), b.data]));
  const inner = concat(
    [0, 8, 0, 0x10, 0, 1, 0xc0, 0],
    ascii('Duca'),
    [0x80 | (data.length >>> 8), data.length & 0xff],
    data,
  );
  const userData = concat([0, 5, 0, 0x14, 0x7c, 0, 1], encodePerLength(inner.length), inner);
  const parameters = ber([0x30], Uint8Array.of(2, 1, 1));
  return encodeData(
    ber(
      [0x7f, 0x65],
      concat([4, 1, 1, 4, 1, 1, 1, 1, 0xff], parameters, parameters, parameters, ber([4], userData)),
    ),
  );
};

export const erectDomain = encodeData(Uint8Array.of(0x04, 1, 0, 1, 0));
export const attachUser = encodeData(Uint8Array.of(0x28));
export const joinChannel = (channel: number): Uint8Array =>
  encodeData(concat([0x38], u16be(MCS_USER - 1001), u16be(channel)));

const toServer = (data: Uint8Array): Uint8Array =>
  encodeData(
    concat([0x64], u16be(MCS_USER - 1001), u16be(IO_CHANNEL), [0x70], encodePerLength(data.length), data),
  );

export const clientInfo = (user: string, password = '', domain = ''): Uint8Array => {
  const fields = [domain, user, password, '', ''].map(utf16);
  return toServer(
    concat(
      [0x40, 0, 0, 0],
      u32le(0),
      u32le(0x10),
      ...fields.map((f) => u16le(f.length)),
      ...fields.map((f) => concat(f, [0, 0])),
    ),
  );
};

export const licensing = (pdu: Uint8Array): Uint8Array => toServer(concat([0x80, 0, 0, 0], pdu));

export const licensePdu = (
  type: number,
  ...parts: readonly (Uint8Array | readonly number[])[]
): Uint8Array => {
  const body = concat(...parts);
  return concat([type, 0x83], u16le(body.length + 4), body);
};
export const blob = (type: number, data: Uint8Array): Uint8Array =>
  concat(u16le(type), u16le(data.length), data);

/** FreeRDP derives the hardware id from the client's name. */
export const hardwareIdOf = (hostname: string): Uint8Array =>
  concat([0, 0, 1, 4], digests.md5(ascii(hostname)));

export type ClientLicenseStore = { license: Uint8Array | null };

export type FakeClientLicensing = {
  /** Takes a licensing PDU of the server. Returns the reply; undefined if the exchange is done. */
  readonly receive: (pdu: Uint8Array) => Uint8Array | undefined;
  /** The type of the server's last PDU: 3 new license, 4 upgrade, 0xff end of licensing. */
  readonly last: () => number;
  readonly hardwareId: string;
};

const readBlob = (r: ReturnType<typeof reader>): Uint8Array => {
  r.u16le();
  return r.take(r.u16le());
};

/** `bare`: answers a challenge without a header, as rdesktop does. */
export const fakeClientLicensing = (
  hostname: string,
  store: ClientLicenseStore,
  o: { readonly bare?: boolean; readonly hardwareId?: Uint8Array } = {},
): FakeClientLicensing => {
  const hardwareId = o.hardwareId ?? hardwareIdOf(hostname);
  const clientRandom = randomBytes(32);
  const premaster = randomBytes(48);
  let keys: LicenseKeys | undefined;
  let last = 0;
  const encrypt = (data: Uint8Array): Uint8Array => {
    if (!keys) throw new Error('the server sent no LICENSE_REQUEST first');
    return rc4(keys.encryption, data);
  };
  const macOf = (data: Uint8Array): Uint8Array => mac(digests, keys?.macSalt ?? new Uint8Array(16), data);

  const answerRequest = (r: ReturnType<typeof reader>): Uint8Array => {
    const serverRandom = r.take(32);
    r.u32le();
    r.take(r.u32le());
    r.take(r.u32le());
    readBlob(r);
    const certificate = reader(readBlob(r));
    certificate.take(12 + 4 + 4);
    const k = certificate.u32le() - 8;
    certificate.take(12);
    const n = Buffer.from(certificate.take(k)).reverse().toString('base64url');
    const key = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
    const block = concat(premaster, new Uint8Array(k - premaster.length)).reverse();
    const padding = constants.RSA_NO_PADDING;
    const encrypted = publicEncrypt({ key, padding }, block).reverse();
    keys = licenseKeys(digests, premaster, clientRandom, serverRandom);
    const opening = concat(
      u32le(1),
      u32le(0x0401_0000),
      clientRandom,
      blob(2, concat(encrypted, new Uint8Array(8))),
    );
    if (store.license)
      return licensePdu(
        0x12,
        opening,
        blob(1, store.license),
        blob(9, encrypt(hardwareId)),
        macOf(hardwareId),
      );
    return licensePdu(0x13, opening, blob(0x0f, ascii('ann\0')), blob(0x10, ascii(`${hostname}\0`)));
  };
  const answerChallenge = (r: ReturnType<typeof reader>): Uint8Array => {
    r.u32le();
    const challenge = encrypt(readBlob(r));
    const header = o.bare === true ? [] : [0, 1, 0, 0xff, 3, 0, ...u16le(challenge.length)];
    const response = concat(header, challenge);
    const proof = macOf(concat(response, hardwareId));
    return licensePdu(0x15, blob(9, encrypt(response)), blob(9, encrypt(hardwareId)), proof);
  };
  const storeLicense = (r: ReturnType<typeof reader>): void => {
    const content = encrypt(readBlob(r));
    if (hex(macOf(content)) !== hex(r.take(16))) throw new Error('the license does not verify');
    const inner = reader(content);
    inner.u32le();
    for (let i = 0; i < 3; i += 1) inner.take(inner.u32le());
    store.license = inner.take(inner.u32le());
    if (!inner.isComplete()) throw new Error('the license is truncated');
  };
  return {
    hardwareId: hex(hardwareId),
    last: () => last,
    receive: (pdu) => {
      const r = reader(pdu);
      last = r.u8();
      r.take(3);
      if (last === 1) return answerRequest(r);
      if (last === 2) return answerChallenge(r);
      if (last === 3 || last === 4) storeLicense(r);
      return undefined;
    },
  };
};
