// The license exchange with one client (MS-RDPELE 3.3): what came and where it stands give what is sent and where it stands then.
//
//   requested -- NEW_LICENSE_REQUEST --> challenged -- response --> asking -- answer --> over      (the client has none)
//   requested -- LICENSE_INFO --> asking -- nothing new, or denied --> over                        (it presents one)
//                                        -- another license --> challenged -- response --> over    (its file is replaced)
//
// Anything else closes the connection. A license that is junk or of another device is no reason to refuse: refusing would
// leave it in the client's store for ever.

import { ascii, bad, concat, good, hex, same, type Read } from './bytes.ts';
import type { ErrorInfo } from './error-info.ts';
import {
  decryptPremaster,
  licenseKeys,
  mac,
  rc4,
  type Digests,
  type LicenseKeys,
  type RawRsa,
} from './license-crypto.ts';
import {
  encodeChallenge,
  encodeGiven,
  encodeLicense,
  encodeLicenseRequest,
  encodeValidClient,
  type LicensePdu,
  type ProductNames,
} from './license-pdus.ts';

/** What is the same for all clients of a gateway. */
export type LicensingKit = {
  readonly digests: Digests;
  readonly rsa: RawRsa;
  readonly modulusLength: number;
  readonly certificate: Uint8Array;
  readonly names: ProductNames;
};

/** Drawn for this client: 32 bytes, and ten, since rdesktop copies as many whatever it gets. */
export type LicensingRandom = { readonly server: Uint8Array; readonly challenge: Uint8Array };

type Challenged = {
  readonly state: 'challenged';
  readonly keys: LicenseKeys;
  readonly challenge: Uint8Array;
  /** The license that is given afterwards, and the device it is for; null where the device only becomes known then. */
  readonly upgrade: { readonly hardwareId: string; readonly license: string } | null;
};

export type LicensingState =
  | { readonly state: 'requested'; readonly random: LicensingRandom }
  | Challenged
  | {
      readonly state: 'asking';
      readonly keys: LicenseKeys;
      readonly hardwareId: string;
      /** Null once the client has answered a challenge; else it is to be challenged before it is given another license. */
      readonly challenge: Uint8Array | null;
    }
  | { readonly state: 'over'; readonly denied: ErrorInfo | null };

/** Who is to be asked about, 20 bytes in hex, and what the client presented where that could be a license. */
export type Asked = { readonly hardwareId: string; readonly presented: string | null };

export type LicensingStep = {
  readonly next: LicensingState;
  /** Licensing PDUs, in order. */
  readonly send: readonly Uint8Array[];
  readonly ask: Asked | null;
};

export type LicensingAnswer =
  | { readonly kind: 'keep' }
  | { readonly kind: 'give'; readonly license: string }
  | { readonly kind: 'deny'; readonly error: ErrorInfo };

const HARDWARE_ID = 20;
const SHAPE = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const LONGEST_LICENSE = 16_384;

/** A license travels as its own text. */
const licenseIn = (bytes: Uint8Array): string | null => {
  if (bytes.length > LONGEST_LICENSE) return null;
  const text = new TextDecoder().decode(bytes);
  return SHAPE.test(text) ? text : null;
};

const step = (next: LicensingState, send: readonly Uint8Array[] = [], ask: Asked | null = null) =>
  good<LicensingStep>({ next, send, ask });

export const beginLicensing = (kit: LicensingKit, random: LicensingRandom): LicensingStep => ({
  next: { state: 'requested', random },
  send: [encodeLicenseRequest(random.server, kit.certificate, kit.names)],
  ask: null,
});

const seal = (kit: LicensingKit, keys: LicenseKeys, data: Uint8Array) =>
  [rc4(keys.encryption, data), mac(kit.digests, keys.macSalt, data)] as const;

const challenge = (kit: LicensingKit, c: Challenged) =>
  step(c, [encodeChallenge(...seal(kit, c.keys, c.challenge))]);

const give = (kit: LicensingKit, keys: LicenseKeys, how: 'new' | 'upgrade', license: string) => {
  const content = encodeLicense(ascii(license), kit.names);
  return step({ state: 'over', denied: null }, [encodeGiven(how, ...seal(kit, keys, content))]);
};

type Opening = Extract<LicensePdu, { kind: 'new-license-request' | 'license-info' }>;

const opened = (kit: LicensingKit, random: LicensingRandom, pdu: Opening): Read<LicensingStep> => {
  const premaster = decryptPremaster(pdu.premaster, kit.modulusLength, kit.rsa);
  if (!premaster) return bad('the premaster secret cannot be decrypted');
  const keys = licenseKeys(kit.digests, premaster, pdu.clientRandom, random.server);
  if (pdu.kind === 'new-license-request')
    return challenge(kit, { state: 'challenged', keys, challenge: random.challenge, upgrade: null });
  const device = rc4(keys.encryption, pdu.hardwareId);
  if (device.length !== HARDWARE_ID) return bad('the hardware id is not of 20 bytes');
  if (!same(mac(kit.digests, keys.macSalt, device), pdu.mac)) return bad('the hardware id does not verify');
  const hardwareId = hex(device);
  const ask = { hardwareId, presented: licenseIn(pdu.license) };
  return step({ state: 'asking', keys, hardwareId, challenge: random.challenge }, [], ask);
};

type Response = Extract<LicensePdu, { kind: 'challenge-response' }>;

const responded = (kit: LicensingKit, c: Challenged, pdu: Response): Read<LicensingStep> => {
  const response = rc4(c.keys.encryption, pdu.response);
  const device = rc4(c.keys.encryption, pdu.hardwareId);
  if (device.length !== HARDWARE_ID) return bad('the hardware id is not of 20 bytes');
  if (!same(mac(kit.digests, c.keys.macSalt, concat(response, device)), pdu.mac))
    return bad('the response to the challenge does not verify');
  // Most clients put a header before the challenge, rdesktop puts none.
  if (!same(response.slice(-c.challenge.length), c.challenge)) return bad('the challenge came back changed');
  const hardwareId = hex(device);
  if (!c.upgrade) {
    const asking: LicensingState = { state: 'asking', keys: c.keys, hardwareId, challenge: null };
    return step(asking, [], { hardwareId, presented: null });
  }
  if (c.upgrade.hardwareId !== hardwareId) return bad('the client is another device than before');
  return give(kit, c.keys, 'upgrade', c.upgrade.license);
};

/** A PDU of the client. */
export const licensePduCame = (
  kit: LicensingKit,
  s: LicensingState,
  pdu: LicensePdu,
): Read<LicensingStep> => {
  if (s.state === 'requested' && (pdu.kind === 'new-license-request' || pdu.kind === 'license-info'))
    return opened(kit, s.random, pdu);
  if (s.state === 'challenged' && pdu.kind === 'challenge-response') return responded(kit, s, pdu);
  return bad(`a licensing PDU of the kind ${pdu.kind} came while licensing is ${s.state}`);
};

/** The answer to what was asked. A denied client is told that licensing is over; why, it is told by Set Error Info. */
export const licenseDecided = (
  kit: LicensingKit,
  s: LicensingState,
  answer: LicensingAnswer,
): Read<LicensingStep> => {
  if (s.state !== 'asking') return bad('an answer came that nobody asked for');
  const { keys, hardwareId } = s;
  if (answer.kind === 'deny') return step({ state: 'over', denied: answer.error }, [encodeValidClient()]);
  if (answer.kind === 'keep') return step({ state: 'over', denied: null }, [encodeValidClient()]);
  if (s.challenge === null) return give(kit, keys, 'new', answer.license);
  const upgrade = { hardwareId, license: answer.license };
  return challenge(kit, { state: 'challenged', keys, challenge: s.challenge, upgrade });
};
