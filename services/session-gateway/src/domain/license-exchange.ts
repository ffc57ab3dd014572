// The license exchange with one client (MS-RDPELE 3.3), as a state machine.
//
//   requested -- NEW_LICENSE_REQUEST --> challenged -- response --> deciding -- decision --> done     (the client has no license)
//   requested -- LICENSE_INFO --> deciding -- keep, or deny --> done                                  (it presents a license)
//                                          -- another license --> challenged -- response --> done     (it replaces its license)
//
// Any other PDU closes the connection. A license that is junk or of another device counts as none: a refusal would leave it in the
// client's store for ever.

import { ascii, concat, hex, equalBytes } from './bytes.ts';
import { failure, success, type Result } from './result.ts';
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

/** The part that is the same for all clients of a gateway. */
export type LicensingContext = {
  readonly digests: Digests;
  readonly rsa: RawRsa;
  readonly modulusLength: number;
  readonly certificate: Uint8Array;
  readonly names: ProductNames;
};

/** Random bytes for one client: 32, and a challenge of 10, because rdesktop always copies 10. */
export type ExchangeRandom = { readonly server: Uint8Array; readonly challenge: Uint8Array };

type Challenged = {
  readonly state: 'challenged';
  readonly keys: LicenseKeys;
  readonly challenge: Uint8Array;
  /** The license that replaces the presented one, and its device; null if the client presented none, so that its device is not known yet. */
  readonly replacement: { readonly hardwareId: string; readonly license: string } | null;
};

export type ExchangeState =
  | { readonly state: 'requested'; readonly random: ExchangeRandom }
  | Challenged
  | {
      readonly state: 'deciding';
      readonly keys: LicenseKeys;
      readonly hardwareId: string;
      /** Null once the client has answered a challenge. Otherwise the client must answer one before it gets another license. */
      readonly challenge: Uint8Array | null;
    }
  | { readonly state: 'done'; readonly denied: ErrorInfo | null };

/** `hardwareId`: 20 bytes in hex. `presented`: the client's license, or null if it cannot be one. */
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

/** A license travels as text. */
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
  return step({ state: 'done', denied: null }, [
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
  if (device.length !== HARDWARE_ID_BYTES) return failure('the hardware id does not have 20 bytes');
  if (!equalBytes(mac(kit.digests, keys.macSalt, device), pdu.mac))
    return failure('the hardware id does not verify');
  const hardwareId = hex(device);
  const ask = { hardwareId, presented: parseLicense(pdu.license) };
  return step({ state: 'deciding', keys, hardwareId, challenge: random.challenge }, [], ask);
};

type ChallengeResponse = Extract<LicensePdu, { kind: 'challenge-response' }>;

const receiveChallengeResponse = (
  kit: LicensingContext,
  c: Challenged,
  pdu: ChallengeResponse,
): Result<ExchangeStep> => {
  const response = rc4(c.keys.encryption, pdu.response);
  const device = rc4(c.keys.encryption, pdu.hardwareId);
  if (device.length !== HARDWARE_ID_BYTES) return failure('the hardware id does not have 20 bytes');
  if (!equalBytes(mac(kit.digests, c.keys.macSalt, concat(response, device)), pdu.mac))
    return failure('the response to the challenge does not verify');
  // Most clients put a header before the challenge; rdesktop does not.
  if (!equalBytes(response.slice(-c.challenge.length), c.challenge))
    return failure('the client returned another challenge');
  const hardwareId = hex(device);
  if (!c.replacement) {
    const deciding: ExchangeState = { state: 'deciding', keys: c.keys, hardwareId, challenge: null };
    return step(deciding, [], { hardwareId, presented: null });
  }
  if (c.replacement.hardwareId !== hardwareId) return failure('the client changed its hardware id');
  return sendLicense(kit, c.keys, 'upgrade', c.replacement.license);
};

/** Takes the client's next PDU. */
export const receiveLicensePdu = (
  kit: LicensingContext,
  s: ExchangeState,
  pdu: LicensePdu,
): Result<ExchangeStep> => {
  if (s.state === 'requested' && (pdu.kind === 'new-license-request' || pdu.kind === 'license-info'))
    return receiveOpening(kit, s.random, pdu);
  if (s.state === 'challenged' && pdu.kind === 'challenge-response')
    return receiveChallengeResponse(kit, s, pdu);
  return failure(`a licensing PDU of kind ${pdu.kind} is out of order in state ${s.state}`);
};

/** Takes the decision on the question. A denied client is told that licensing is done; Set Error Info then tells it the reason. */
export const applyDecision = (
  kit: LicensingContext,
  s: ExchangeState,
  decision: ExchangeDecision,
): Result<ExchangeStep> => {
  if (s.state !== 'deciding') return failure('no decision was expected');
  const { keys, hardwareId } = s;
  if (decision.kind !== 'give') {
    const denied = decision.kind === 'deny' ? decision.error : null;
    return step({ state: 'done', denied }, [encodeValidClient()]);
  }
  if (s.challenge === null) return sendLicense(kit, keys, 'new', decision.license);
  const upgrade = { hardwareId, license: decision.license };
  return sendChallenge(kit, { state: 'challenged', keys, challenge: s.challenge, replacement: upgrade });
};
