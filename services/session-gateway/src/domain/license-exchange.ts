// The license exchange with one client (MS-RDPELE 3.3): what came and where it stands give what is sent and where it stands then.
//
//   requested -- NEW_LICENSE_REQUEST --> challenged -- response --> asking -- answer --> over      (the client has none)
//   requested -- LICENSE_INFO --> asking -- nothing new, or denied --> over                        (it presents one)
//                                        -- another license --> challenged -- response --> over    (its file is replaced)
//
// Anything else closes the connection. A license that is junk or of another device is no reason to refuse: refusing would
// leave it in the client's store for ever.

import { ascii, failure, concat, success, hex, equalBytes, type Result } from './bytes.ts';
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
  encodeNewLicense,
  encodeLicense,
  encodeLicenseRequest,
  encodeValidClient,
  type LicensePdu,
  type ProductNames,
} from './license-pdus.ts';

/** What is the same for all clients of a gateway. */
export type LicensingContext = {
  readonly digests: Digests;
  readonly rsa: RawRsa;
  readonly modulusLength: number;
  readonly certificate: Uint8Array;
  readonly names: ProductNames;
};

/** Drawn for this client: 32 bytes, and ten, since rdesktop copies as many whatever it gets. */
export type ExchangeRandom = { readonly server: Uint8Array; readonly challenge: Uint8Array };

type Challenged = {
  readonly state: 'challenged';
  readonly keys: LicenseKeys;
  readonly challenge: Uint8Array;
  /** The license that is given afterwards, and the device it is for; null where the device only becomes known then. */
  readonly replacement: { readonly hardwareId: string; readonly license: string } | null;
};

export type ExchangeState =
  | { readonly state: 'requested'; readonly random: ExchangeRandom }
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
export type LicenseQuestion = { readonly hardwareId: string; readonly presented: string | null };

export type ExchangeStep = {
  readonly next: ExchangeState;
  /** Licensing PDUs, in order. */
  readonly send: readonly Uint8Array[];
  readonly question: LicenseQuestion | null;
};

export type ExchangeDecision =
  | { readonly kind: 'keep' }
  | { readonly kind: 'give'; readonly license: string }
  | { readonly kind: 'deny'; readonly error: ErrorInfo };

const HARDWARE_ID_BYTES = 20;
const LICENSE_FORMAT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const MAX_LICENSE_BYTES = 16_384;

/** A license travels as its own text. */
const parseLicense = (bytes: Uint8Array): string | null => {
  if (bytes.length > MAX_LICENSE_BYTES) return null;
  const text = new TextDecoder().decode(bytes);
  return LICENSE_FORMAT.test(text) ? text : null;
};

const step = (next: ExchangeState, send: readonly Uint8Array[] = [], ask: LicenseQuestion | null = null) =>
  success<ExchangeStep>({ next, send, question: ask });

export const startExchange = (kit: LicensingContext, random: ExchangeRandom): ExchangeStep => ({
  next: { state: 'requested', random },
  send: [encodeLicenseRequest(random.server, kit.certificate, kit.names)],
  question: null,
});

const encryptWithMac = (kit: LicensingContext, keys: LicenseKeys, data: Uint8Array) =>
  [rc4(keys.encryption, data), mac(kit.digests, keys.macSalt, data)] as const;

const sendChallenge = (kit: LicensingContext, c: Challenged) =>
  step(c, [encodeChallenge(...encryptWithMac(kit, c.keys, c.challenge))]);

const sendLicense = (kit: LicensingContext, keys: LicenseKeys, how: 'new' | 'upgrade', license: string) => {
  const content = encodeLicense(ascii(license), kit.names);
  return step({ state: 'over', denied: null }, [
    encodeNewLicense(how, ...encryptWithMac(kit, keys, content)),
  ]);
};

type OpeningPdu = Extract<LicensePdu, { kind: 'new-license-request' | 'license-info' }>;

const receiveOpening = (
  kit: LicensingContext,
  random: ExchangeRandom,
  pdu: OpeningPdu,
): Result<ExchangeStep> => {
  const premaster = decryptPremaster(pdu.premaster, kit.modulusLength, kit.rsa);
  if (!premaster) return failure('the premaster secret cannot be decrypted');
  const keys = licenseKeys(kit.digests, premaster, pdu.clientRandom, random.server);
  if (pdu.kind === 'new-license-request')
    return sendChallenge(kit, { state: 'challenged', keys, challenge: random.challenge, replacement: null });
  const device = rc4(keys.encryption, pdu.hardwareId);
  if (device.length !== HARDWARE_ID_BYTES) return failure('the hardware id is not of 20 bytes');
  if (!equalBytes(mac(kit.digests, keys.macSalt, device), pdu.mac))
    return failure('the hardware id does not verify');
  const hardwareId = hex(device);
  const ask = { hardwareId, presented: parseLicense(pdu.license) };
  return step({ state: 'asking', keys, hardwareId, challenge: random.challenge }, [], ask);
};

type ChallengeResponse = Extract<LicensePdu, { kind: 'challenge-response' }>;

const receiveChallengeResponse = (
  kit: LicensingContext,
  c: Challenged,
  pdu: ChallengeResponse,
): Result<ExchangeStep> => {
  const response = rc4(c.keys.encryption, pdu.response);
  const device = rc4(c.keys.encryption, pdu.hardwareId);
  if (device.length !== HARDWARE_ID_BYTES) return failure('the hardware id is not of 20 bytes');
  if (!equalBytes(mac(kit.digests, c.keys.macSalt, concat(response, device)), pdu.mac))
    return failure('the response to the challenge does not verify');
  // Most clients put a header before the challenge, rdesktop puts none.
  if (!equalBytes(response.slice(-c.challenge.length), c.challenge))
    return failure('the challenge came back changed');
  const hardwareId = hex(device);
  if (!c.replacement) {
    const asking: ExchangeState = { state: 'asking', keys: c.keys, hardwareId, challenge: null };
    return step(asking, [], { hardwareId, presented: null });
  }
  if (c.replacement.hardwareId !== hardwareId) return failure('the client is another device than before');
  return sendLicense(kit, c.keys, 'upgrade', c.replacement.license);
};

/** A PDU of the client. */
export const receiveLicensePdu = (
  kit: LicensingContext,
  s: ExchangeState,
  pdu: LicensePdu,
): Result<ExchangeStep> => {
  if (s.state === 'requested' && (pdu.kind === 'new-license-request' || pdu.kind === 'license-info'))
    return receiveOpening(kit, s.random, pdu);
  if (s.state === 'challenged' && pdu.kind === 'challenge-response')
    return receiveChallengeResponse(kit, s, pdu);
  return failure(`a licensing PDU of the kind ${pdu.kind} came while licensing is ${s.state}`);
};

/** The answer to what was asked. A denied client is told that licensing is over; why, it is told by Set Error Info. */
export const applyDecision = (
  kit: LicensingContext,
  s: ExchangeState,
  answer: ExchangeDecision,
): Result<ExchangeStep> => {
  if (s.state !== 'asking') return failure('an answer came that nobody asked for');
  const { keys, hardwareId } = s;
  if (answer.kind === 'deny') return step({ state: 'over', denied: answer.error }, [encodeValidClient()]);
  if (answer.kind === 'keep') return step({ state: 'over', denied: null }, [encodeValidClient()]);
  if (s.challenge === null) return sendLicense(kit, keys, 'new', answer.license);
  const upgrade = { hardwareId, license: answer.license };
  return sendChallenge(kit, { state: 'challenged', keys, challenge: s.challenge, replacement: upgrade });
};
