// The license exchange with one client: frames in and out, and one question to whoever decides.

import type { Log } from '@calbus/runtime/log';
import type { RefusalCode } from '@calbus/contracts/refusals';
import { bad, good, type Read } from '../domain/bytes.ts';
import { errorInfo, type ErrorInfo } from '../domain/error-info.ts';
import { decodeLicensePdu, type LicensePdu } from '../domain/license-pdus.ts';
import {
  beginLicensing,
  licenseDecided,
  licensePduCame,
  type Asked,
  type LicensingAnswer,
  type LicensingKit,
} from '../domain/licensing.ts';
import { decodeMcs, encodeSendIndication } from '../domain/mcs.ts';
import { decodeSecured, encodeLicensing } from '../domain/security.ts';
import type { Admitted, Licensing, Peer, Randomness, Temporary } from '../ports.ts';

export type LicensingDeps = {
  readonly licensing: Licensing;
  readonly kit: LicensingKit;
  readonly random: Randomness;
  readonly log: Log;
  readonly decided: (admitted: Admitted) => void;
};

export type Licensed = { readonly denied: ErrorInfo | null; readonly temporary: Temporary | null };

const SERVER_RANDOM = 32;
const CHALLENGE = 10;

const errorOf = (code: RefusalCode): ErrorInfo => {
  if (code === 'LICENSE_SERVER_UNREACHABLE') return errorInfo.noLicenseServer;
  return code === 'NO_DEVICE_IDENTITY' ? errorInfo.hardwareId : errorInfo.noLicense;
};

const answerOf = (a: Admitted, presented: string | null): LicensingAnswer => {
  if (!a.admit) return { kind: 'deny', error: errorOf(a.code) };
  return a.license === null || a.license === presented
    ? { kind: 'keep' }
    : { kind: 'give', license: a.license };
};

const pduIn = (frame: Uint8Array): Read<LicensePdu> => {
  const mcs = decodeMcs(frame);
  if (!mcs.ok) return mcs;
  if (mcs.value.kind !== 'send-request') return bad(`a licensing PDU was due: ${mcs.value.kind}`);
  const secured = decodeSecured(mcs.value.data);
  if (!secured.ok) return secured;
  return secured.value.kind === 'license'
    ? decodeLicensePdu(secured.value.body)
    : bad('a licensing PDU was due');
};

/** Of the device: the name in the core data, which comes with every connection, so that a device has one name. */
export const licenseClient = async (
  d: LicensingDeps,
  client: Peer,
  { channel, clientName }: { readonly channel: number; readonly clientName: string },
): Promise<Read<Licensed>> => {
  let temporary: Temporary | null = null;
  const ask = async ({ hardwareId, presented }: Asked): Promise<LicensingAnswer> => {
    const name = clientName === '' ? 'unnamed' : clientName;
    const admitted = await d.licensing.admit({ hardwareId, name }, presented);
    if (admitted.admit) temporary = admitted.temporary;
    d.decided(admitted);
    const { row } = admitted;
    if (admitted.admit) d.log.info({ hardwareId, device: name, row }, 'let in');
    else d.log.warn({ hardwareId, device: name, row, code: admitted.code }, 'refused');
    return answerOf(admitted, presented);
  };
  let at = beginLicensing(d.kit, { server: d.random(SERVER_RANDOM), challenge: d.random(CHALLENGE) });
  for (;;) {
    client.send(...at.send.map((pdu) => encodeSendIndication(channel, encodeLicensing(pdu))));
    if (at.next.state === 'over') return good({ denied: at.next.denied, temporary });
    if (at.ask) {
      const step = licenseDecided(d.kit, at.next, await ask(at.ask));
      if (!step.ok) return step;
      at = step.value;
      continue;
    }
    const frame = await client.next();
    if (!frame.ok) return frame;
    const pdu = pduIn(frame.value);
    if (!pdu.ok) return pdu;
    const step = licensePduCame(d.kit, at.next, pdu.value);
    if (!step.ok) return step;
    at = step.value;
  }
};
