// MCS (T.125) as RDP uses it: Connect-Initial in BER, and the domain PDUs in PER that join channels and carry data.

import { concat, reader, u16be } from './bytes.ts';
import { failure, success, type Result } from './result.ts';
import { berLength, encodePerLength, perLength } from './lengths.ts';
import { decodeData, encodeData } from './x224.ts';

const OCTETS = 0x04;
const BOOLEAN = 0x01;
const SEQUENCE = 0x30;
/** Domain selectors, the upward flag, and target, minimum and maximum parameters precede the user data. */
const TAGS_BEFORE_USER_DATA = [OCTETS, OCTETS, BOOLEAN, SEQUENCE, SEQUENCE, SEQUENCE] as const;

/** The user data of a Connect-Initial. */
export const decodeConnectInitial = (frame: Uint8Array): Result<Uint8Array> => {
  const data = decodeData(frame);
  if (!data.ok) return data;
  const r = reader(data.value);
  if (r.u8() !== 0x7f || r.u8() !== 0x65) return failure('an MCS Connect-Initial was expected');
  if (berLength(r) !== r.remaining())
    return failure('the length in the Connect-Initial differs from the length of the frame');
  for (const tag of [...TAGS_BEFORE_USER_DATA, OCTETS]) {
    if (r.u8() !== tag) return failure('the Connect-Initial has its fields in another order');
    const length = berLength(r);
    if (length === undefined || length > r.remaining()) return failure('the Connect-Initial is truncated');
    const value = r.take(length);
    if (r.remaining() === 0)
      return tag === OCTETS ? success(value) : failure('the Connect-Initial has no user data');
  }
  return failure('the Connect-Initial continues after its user data');
};

/** MCS encodes a user id minus this. */
const FIRST_USER = 1001;
const SEND_REQUEST = 0x64;
const SEND_INDICATION = 0x68;
/** High priority; beginning and end of the data, because RDP never splits it. */
const UNDIVIDED = 0x70;

export type McsPdu =
  | { readonly kind: 'connect-response' }
  | { readonly kind: 'erect-domain' }
  | { readonly kind: 'attach-user' }
  | { readonly kind: 'attach-confirm' }
  | { readonly kind: 'join' }
  | { readonly kind: 'join-confirm' }
  | { readonly kind: 'disconnect' }
  | {
      readonly kind: 'send-request' | 'send-indication';
      readonly user: number;
      readonly channel: number;
      readonly data: Uint8Array;
    };

const pduKinds = {
  0x04: 'erect-domain',
  0x28: 'attach-user',
  0x2c: 'attach-confirm',
  0x38: 'join',
  0x3c: 'join-confirm',
  0x20: 'disconnect',
} as const;

/** The upper six bits of the first byte select the PDU; the lower two flag optional fields. */
export const decodeMcs = (frame: Uint8Array): Result<McsPdu> => {
  const tpdu = decodeData(frame);
  if (!tpdu.ok) return tpdu;
  const r = reader(tpdu.value);
  const first = r.u8();
  if (first === 0x7f && r.u8() === 0x66) return success({ kind: 'connect-response' });
  const choice = first & 0xfc;
  if (choice === SEND_REQUEST || choice === SEND_INDICATION) {
    const user = r.u16be() + FIRST_USER;
    const channel = r.u16be();
    r.u8();
    const length = perLength(r);
    if (!r.isComplete() || length !== r.remaining())
      return failure('the length in the MCS data differs from the length of the frame');
    const kind = choice === SEND_REQUEST ? 'send-request' : 'send-indication';
    return success({ kind, user, channel, data: r.rest() });
  }
  const kind = pduKinds[choice as keyof typeof pduKinds];
  return kind && r.isComplete() ? success({ kind }) : failure('the frame holds no MCS PDU that RDP uses');
};

const send = (choice: number, user: number, channel: number, data: Uint8Array): Uint8Array =>
  encodeData(
    concat(
      [choice],
      u16be(user - FIRST_USER),
      u16be(channel),
      [UNDIVIDED],
      encodePerLength(data.length),
      data,
    ),
  );

export const encodeSendRequest = (user: number, channel: number, data: Uint8Array): Uint8Array =>
  send(SEND_REQUEST, user, channel, data);

/** The user id of the server itself. */
const SERVER_USER = 1002;

export const encodeSendIndication = (channel: number, data: Uint8Array): Uint8Array =>
  send(SEND_INDICATION, SERVER_USER, channel, data);
