// The license exchange with one client: it reads and sends frames, and asks the terminal server's library for one decision.

import type { Log } from '@calbus/runtime/log';
import type { RefusalCode } from '@calbus/contracts/refusals';
import { failure, success, type Result } from '../domain/result.ts';
import { errorInfo, type ErrorInfo } from '../domain/error-info.ts';
import { decodeLicensePdu, type LicensePdu } from '../domain/license-pdus.ts';
import {
  startExchange,
  applyDecision,
  receiveLicensePdu,
  type LicenseQuestion,
  type ExchangeDecision,
  type LicensingContext,
} from '../domain/license-exchange.ts';
import { decodeMcs, encodeSendIndication } from '../domain/mcs.ts';
import { decodeSecuredPdu, encodeLicensing } from '../domain/security-header.ts';
import type { AdmissionResult, Licensing, Peer, Random, TemporaryLicense } from '../ports.ts';

export type LicensingDeps = {
  readonly licensing: Licensing;
  readonly context: LicensingContext;
  readonly random: Random;
  readonly log: Log;
  readonly onDecision: (admitted: AdmissionResult) => void;
};

export type LicensingResult = {
  readonly denied: ErrorInfo | null;
  readonly temporary: TemporaryLicense | null;
};

const SERVER_RANDOM_BYTES = 32;
const CHALLENGE_BYTES = 10;

const errorOf = (code: RefusalCode): ErrorInfo => {
  if (code === 'LICENSE_SERVER_UNREACHABLE') return errorInfo.noLicenseServer;
  return code === 'NO_DEVICE_IDENTITY' ? errorInfo.hardwareId : errorInfo.noLicense;
};

const decisionOf = (a: AdmissionResult, presented: string | null): ExchangeDecision => {
  if (!a.admit) return { kind: 'deny', error: errorOf(a.code) };
  return a.license === null || a.license === presented
    ? { kind: 'keep' }
    : { kind: 'give', license: a.license };
};

const decodeLicensingFrame = (frame: Uint8Array): Result<LicensePdu> => {
  const mcs = decodeMcs(frame);
  if (!mcs.ok) return mcs;
  if (mcs.value.kind !== 'send-request')
    return failure(`a licensing PDU was expected, not ${mcs.value.kind}`);
  const secured = decodeSecuredPdu(mcs.value.data);
  if (!secured.ok) return secured;
  return secured.value.kind === 'license'
    ? decodeLicensePdu(secured.value.body)
    : failure('a licensing PDU was expected');
};

/** The device gets the name from the core data, because every connection has it: so a device has one name. */
export const licenseClient = async (
  d: LicensingDeps,
  client: Peer,
  { channel, clientName }: { readonly channel: number; readonly clientName: string },
): Promise<Result<LicensingResult>> => {
  let temporary: TemporaryLicense | null = null;
  const decide = async ({ hardwareId, presented }: LicenseQuestion): Promise<ExchangeDecision> => {
    const name = clientName === '' ? 'unnamed' : clientName;
    const admitted = await d.licensing.admit({ hardwareId, name }, presented);
    if (admitted.admit) temporary = admitted.temporary;
    d.onDecision(admitted);
    const { row } = admitted;
    if (admitted.admit) d.log.info({ hardwareId, device: name, row }, 'let in');
    else d.log.warn({ hardwareId, device: name, row, code: admitted.code }, 'refused');
    return decisionOf(admitted, presented);
  };
  let at = startExchange(d.context, {
    server: d.random(SERVER_RANDOM_BYTES),
    challenge: d.random(CHALLENGE_BYTES),
  });
  for (;;) {
    client.send(...at.send.map((pdu) => encodeSendIndication(channel, encodeLicensing(pdu))));
    if (at.next.state === 'done') return success({ denied: at.next.denied, temporary });
    if (at.question) {
      const step = applyDecision(d.context, at.next, await decide(at.question));
      if (!step.ok) return step;
      at = step.value;
      continue;
    }
    const frame = await client.next();
    if (!frame.ok) return frame;
    const pdu = decodeLicensingFrame(frame.value);
    if (!pdu.ok) return pdu;
    const step = receiveLicensePdu(d.context, at.next, pdu.value);
    if (!step.ok) return step;
    at = step.value;
  }
};
