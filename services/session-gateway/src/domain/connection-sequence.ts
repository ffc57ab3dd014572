// The connection sequence between TLS and licensing (MS-RDPBCGR 1.3.1.1): which frame the client may send next, and which answer
// the server must give. The gateway forwards the frames unchanged, and reads the client's names from them.

import { failure, success, type Result } from './result.ts';
import { clientNameOf, decodeClientData } from './gcc.ts';
import { decodeConnectInitial, decodeMcs, type McsPdu } from './mcs.ts';
import { decodeClientInfo, decodeSecuredPdu, type ClientNames } from './security-header.ts';

/** A client can join its own channel, the I/O channel, 31 static channels and the message channel. */
const MAX_CHANNEL_JOINS = 34;

export type SequenceState =
  | { readonly at: 'connect' }
  | { readonly at: 'erect-domain'; readonly clientName: string }
  | { readonly at: 'attach-user'; readonly clientName: string }
  | { readonly at: 'join'; readonly clientName: string; readonly joins: number };

/** The facts about a client that has sent Client Info. */
export type ConnectedClient = ClientNames & {
  readonly clientName: string;
  readonly user: string;
  /** `channel`: the I/O channel. */
  readonly mcsUser: number;
  readonly channel: number;
};

export type SequenceStep =
  | { readonly kind: 'go-on'; readonly next: SequenceState; readonly answer: McsPdu['kind'] | null }
  | { readonly kind: 'connected'; readonly client: ConnectedClient };

export const initialSequence: SequenceState = { at: 'connect' };

const proceed = (next: SequenceState, answer: McsPdu['kind'] | null): Result<SequenceStep> =>
  success({ kind: 'go-on', next, answer });

const receiveClientInfo = (clientName: string, pdu: McsPdu): Result<SequenceStep> => {
  if (pdu.kind !== 'send-request') return failure(`an MCS PDU is out of order: ${pdu.kind}`);
  const secured = decodeSecuredPdu(pdu.data);
  if (!secured.ok) return secured;
  if (secured.value.kind !== 'info') return failure('Client Info was expected');
  const names = decodeClientInfo(secured.value.body);
  if (!names.ok) return names;
  const client = { ...names.value, clientName, mcsUser: pdu.user, channel: pdu.channel };
  return success({ kind: 'connected', client });
};

/** Takes the client's next frame. */
export const receiveClientFrame = (s: SequenceState, frame: Uint8Array): Result<SequenceStep> => {
  if (s.at === 'connect') {
    const userData = decodeConnectInitial(frame);
    const blocks = userData.ok ? decodeClientData(userData.value) : userData;
    const name = blocks.ok ? clientNameOf(blocks.value) : blocks;
    return name.ok ? proceed({ at: 'erect-domain', clientName: name.value }, 'connect-response') : name;
  }
  const pdu = decodeMcs(frame);
  if (!pdu.ok) return pdu;
  const { kind } = pdu.value;
  const { clientName } = s;
  if (s.at === 'erect-domain' && kind === 'erect-domain')
    return proceed({ at: 'attach-user', clientName }, null);
  if (s.at === 'attach-user' && kind === 'attach-user')
    return proceed({ at: 'join', clientName, joins: 0 }, 'attach-confirm');
  if (s.at !== 'join') return failure(`an MCS PDU is out of order: ${kind}`);
  if (kind !== 'join') return receiveClientInfo(clientName, pdu.value);
  if (s.joins === MAX_CHANNEL_JOINS) return failure('the client joins more channels than there are');
  return proceed({ at: 'join', clientName, joins: s.joins + 1 }, 'join-confirm');
};

/** Whether the server's frame is the expected answer. */
export const isExpectedAnswer = (frame: Uint8Array, expected: McsPdu['kind']): boolean => {
  const pdu = decodeMcs(frame);
  return pdu.ok && pdu.value.kind === expected;
};
