// MCS (T.125) as RDP uses it: Connect-Initial in BER, and the domain PDUs in PER that join channels and carry data.

import { failure, concat, success, reader, u16be, type Result } from './bytes.ts';
import { berLength, encodePerLength, perLength } from './lengths.ts';
import { decodeData, encodeData } from './x224.ts';

const OCTETS = 0x04;
const BOOLEAN = 0x01;
const SEQUENCE = 0x30;
/** Domain selectors, the upward flag, target, minimum and maximum parameters; user data comes last. */
const TAGS_BEFORE_USER_DATA = [OCTETS, OCTETS, BOOLEAN, SEQUENCE, SEQUENCE, SEQUENCE] as const;

/** The user data of a Connect-Initial. */
export const decodeConnectInitial = (frame: Uint8Array): Result<Uint8Array> => {
  const data = decodeData(frame);
  if (!data.ok) return data;
  const r = reader(data.value);
  if (r.u8() !== 0x7f || r.u8() !== 0x65) return failure('an MCS Connect-Initial was due');
  if (berLength(r) !== r.remaining())
    return failure('the length of the Connect-Initial is not that of the frame');
  for (const tag of [...TAGS_BEFORE_USER_DATA, OCTETS]) {
    if (r.u8() !== tag) return failure('the Connect-Initial has another order');
    const length = berLength(r);
    if (length === undefined || length > r.remaining()) return failure('the Connect-Initial is truncated');
    const value = r.take(length);
    if (r.remaining() === 0)
      return tag === OCTETS ? success(value) : failure('the Connect-Initial has no user data');
  }
  return failure('something follows the user data of the Connect-Initial');
};

/** User ids are written less 1001. */
const FIRST_USER = 1001;
const SEND_REQUEST = 0x64;
const SEND_INDICATION = 0x68;
/** High priority, and the beginning and the end of what is sent: RDP never divides it. */
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

/** By its first byte, of which the two lowest bits say what else is in it. */
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
      return failure('the length of MCS data is not that of the frame');
    const kind = choice === SEND_REQUEST ? 'send-request' : 'send-indication';
    return success({ kind, user, channel, data: r.rest() });
  }
  const kind = pduKinds[choice as keyof typeof pduKinds];
  return kind && r.isComplete() ? success({ kind }) : failure('what came is no MCS PDU that RDP uses');
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

/** The server's own user id. */
const SERVER_USER = 1002;

export const encodeSendIndication = (channel: number, data: Uint8Array): Uint8Array =>
  send(SEND_INDICATION, SERVER_USER, channel, data);
