// For tests: a license server that a test plays on a real bus, as far as terminal servers see it.

import type { NatsConnection } from 'nats';
import { decode, dispatch, encode, type Body, type Handlers } from '@calbus/contracts/envelope';
import type { LicenseFacts } from '@calbus/contracts/license';
import type { RowId } from '@calbus/contracts/rows';
import { requestsConsumer } from '@calbus/contracts/streams';
import { parseLicenseSubject, subjects } from '@calbus/contracts/subjects';
import {
  licenseDecision,
  licenseFault,
  licenseRelearn,
  licenseRequest,
  licenseStands,
  licenseValidated,
  queuedMessages,
  trustChanged,
  trustSnapshot,
  type DecisionOutcome,
  type QueuedVerb,
} from '@calbus/contracts/terminal-server-messages';
import type { FaultCode } from '@calbus/contracts/faults';
import { testLicenseServer } from '../license-server-certificates.ts';
import { signLicense } from '@calbus/licenses/license-signature';
import { randomUUID } from 'node:crypto';

const DAY = 86_400_000;
export const LICENSE_SERVER_ID = 'ABCDE12345ABCDE12345ABCDE12345ABCDE';
const { rootPem, issuingKey } = await testLicenseServer(LICENSE_SERVER_ID);
const key = await issuingKey('k1');
export { rootPem };

export const hw = (n: number): string => `00000104${n.toString(16).padStart(32, '0')}`;

export const licenseFacts = (n: number, over: Partial<LicenseFacts> = {}): LicenseFacts => ({
  licenseId: `l${n}`,
  licenseServerId: LICENSE_SERVER_ID,
  epoch: 1,
  kind: 'full',
  mode: 'per-device',
  version: '2003',
  keyPackId: null,
  hardwareId: hw(n),
  deviceId: 'd',
  deviceName: `desk-${n}`,
  userName: null,
  issuedAt: Date.now(),
  notAfter: Date.now() + 60 * DAY,
  position: { generation: 'g1', sequence: 7 },
  ...over,
});
export const signedLicense = (f: LicenseFacts): string => signLicense(key.keys.privateKey, 'k1', f);

/** What a decision grants. */
export const grantOutcome = (f: LicenseFacts): DecisionOutcome => ({
  kind: 'license',
  license: signedLicense(f),
  licenseId: f.licenseId,
  licenseKind: f.kind,
  version: f.version,
  keyPackId: f.keyPackId,
  hardwareId: f.hardwareId,
  notAfter: f.notAfter,
});

type Verb = Exclude<QueuedVerb, 'requests'>;
type Taken = { readonly [V in Verb]: Body<(typeof queuedMessages)[V]> };
export type FakeReply = DecisionOutcome | { readonly fault: FaultCode } | 'nothing';

export type FakeLicenseServer = {
  /** What the terminal server sent, by the verb; a message that is published again counts each time. */
  readonly received: { readonly [V in Verb]: Taken[V][] };
  /** What is answered; 'nothing' at first, but `noted` to stands. */
  readonly answers: { [V in Verb]: (body: Taken[V]) => FakeReply };
  readonly trust: Body<typeof trustSnapshot>;
  /** Changes whom to trust, and tells everybody. */
  readonly changeTrust: (over: Partial<Body<typeof trustSnapshot>>) => void;
  readonly stop: () => Promise<void>;
};

const stamp = () => ({ id: randomUUID(), sentAt: Date.now() });

export const startFakeLicenseServer = async (nc: NatsConnection, id: string): Promise<FakeLicenseServer> => {
  let on = true;
  let trust: Body<typeof trustSnapshot> = {
    licenseServerId: LICENSE_SERVER_ID,
    generation: 'g1',
    epoch: 1,
    issuing: [{ kid: key.kid, chain: key.chain }],
    ended: [],
    position: { generation: 'g1', sequence: 7 },
  };
  const server: Omit<FakeLicenseServer, 'trust'> = {
    received: { request: [], validated: [], relearn: [], stands: [] },
    answers: {
      request: () => 'nothing',
      validated: () => 'nothing',
      relearn: () => 'nothing',
      stands: () => ({ kind: 'noted' }),
    },
    changeTrust: (over) => {
      trust = { ...trust, ...over };
      const { generation, epoch } = trust;
      nc.publish(subjects.trust.changed, encode(trustChanged, stamp(), { generation, epoch }));
    },
    stop: async () => {
      on = false;
      asked.unsubscribe();
      await reading;
    },
  };
  const say = (requestId: string, row: RowId, says: FakeReply): void => {
    if (says === 'nothing') return;
    const bytes =
      'fault' in says
        ? encode(licenseFault, stamp(), { requestId, terminalServerId: id, code: says.fault, says: 'so' })
        : encode(licenseDecision, stamp(), {
            requestId,
            terminalServerId: id,
            row,
            decidedAt: Date.now(),
            position: trust.position,
            outcome: says,
          });
    nc.publish(subjects.decision.of(id, requestId), bytes);
  };
  const { received, answers } = server;
  const handlers: Handlers<(typeof queuedMessages)[Verb], void> = {
    [licenseRequest.type]: ({ body }) => {
      received.request.push(body);
      say(body.requestId, 'D13', answers.request(body));
    },
    [licenseValidated.type]: ({ body }) => {
      received.validated.push(body);
      say(body.requestId, 'D5', answers.validated(body));
    },
    [licenseRelearn.type]: ({ body }) => {
      received.relearn.push(body);
      say(body.requestId, 'N4', answers.relearn(body));
    },
    [licenseStands.type]: ({ body }) => {
      received.stands.push(body);
      say(body.requestId, 'T0', answers.stands(body));
    },
  };
  const contracts = [licenseRequest, licenseValidated, licenseRelearn, licenseStands];
  const take = (bytes: Uint8Array): void => {
    const decoded = decode(contracts, bytes);
    if (!decoded.ok) throw new Error(decoded.fault.detail);
    dispatch(handlers, decoded.message);
  };
  const asked = nc.subscribe(subjects.trust.request(id), {
    callback: () => nc.publish(subjects.trust.snapshot(id), encode(trustSnapshot, stamp(), trust)),
  });
  await nc.flush();
  const reading = (async () => {
    const consumer = await nc.jetstream().consumers.get(requestsConsumer.stream, requestsConsumer.name);
    while (on) {
      const m = await consumer.next({ expires: 1_000 });
      if (!m) continue;
      m.ack();
      const from = parseLicenseSubject(m.subject);
      if (from?.terminalServerId === id && from.verb !== 'requests') take(m.data);
    }
  })();
  return {
    ...server,
    get trust() {
      return trust;
    },
  };
};
