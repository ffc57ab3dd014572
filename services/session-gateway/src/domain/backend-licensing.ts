// The license exchange of the RDP server behind the gateway. The gateway answers it in place of the client, which has its license
// already. xrdp up to 0.10.0 sends a license request and takes any answer; later versions declare the client valid at once.

import { failure, success, type Result } from './result.ts';
import { decodeLicensePdu, encodeValidClient } from './license-pdus.ts';
import { decodeMcs, encodeSendRequest } from './mcs.ts';
import { decodeSecuredPdu, encodeLicensing } from './security-header.ts';

export type BackendLicensingStep =
  | { readonly kind: 'done' }
  /** The gateway sends `frame`, and the server replies to it. */
  | { readonly kind: 'answer'; readonly frame: Uint8Array };

/** Takes a frame that the server sends after Client Info. `answered`: the gateway has answered one license request already. */
export const receiveServerFrame = (
  frame: Uint8Array,
  client: { readonly mcsUser: number; readonly channel: number },
  answered: boolean,
): Result<BackendLicensingStep> => {
  const pdu = decodeMcs(frame);
  if (!pdu.ok) return pdu;
  if (pdu.value.kind !== 'send-indication') return failure('the RDP server did not send a licensing PDU');
  const secured = decodeSecuredPdu(pdu.value.data);
  if (!secured.ok) return secured;
  if (secured.value.kind !== 'license') return failure('the RDP server did not send a licensing PDU');
  const license = decodeLicensePdu(secured.value.body);
  if (!license.ok) return license;
  if (license.value.kind === 'valid-client') return success({ kind: 'done' });
  if (license.value.kind !== 'license-request' || answered)
    return failure('the RDP server does licensing of its own: turn it off there');
  const reply = encodeLicensing(encodeValidClient());
  return success({ kind: 'answer', frame: encodeSendRequest(client.mcsUser, client.channel, reply) });
};
