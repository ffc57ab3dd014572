// Licensing as the server behind the gateway does it. The client is licensed already, so the gateway plays the client: xrdp up to
// 0.10.0 asks and takes any answer, later ones say at once that the client is valid.

import { failure, success, type Result } from './bytes.ts';
import { decodeLicensePdu, encodeValidClient } from './license-pdus.ts';
import { decodeMcs, encodeSendRequest } from './mcs.ts';
import { decodeSecuredPdu, encodeLicensing } from './security-header.ts';

export type BackendLicensingStep =
  | { readonly kind: 'over' }
  /** To be sent to the server, which then says more. */
  | { readonly kind: 'answer'; readonly frame: Uint8Array };

/** A frame of the server after it got Client Info. `answered`: it was answered once already. */
export const receiveServerFrame = (
  frame: Uint8Array,
  client: { readonly mcsUser: number; readonly channel: number },
  answered: boolean,
): Result<BackendLicensingStep> => {
  const pdu = decodeMcs(frame);
  if (!pdu.ok) return pdu;
  if (pdu.value.kind !== 'send-indication')
    return failure('the RDP server sent something else than licensing');
  const secured = decodeSecuredPdu(pdu.value.data);
  if (!secured.ok) return secured;
  if (secured.value.kind !== 'license') return failure('the RDP server sent something else than licensing');
  const license = decodeLicensePdu(secured.value.body);
  if (!license.ok) return license;
  if (license.value.kind === 'valid-client') return success({ kind: 'over' });
  if (license.value.kind !== 'license-request' || answered)
    return failure('the RDP server does licensing of its own: turn it off there');
  const reply = encodeLicensing(encodeValidClient());
  return success({ kind: 'answer', frame: encodeSendRequest(client.mcsUser, client.channel, reply) });
};
