// For tests: a license server that a test plays on a real bus, as far as terminal servers see it.

import type { NatsConnection } from 'nats';
import { decode, encode, type Body, type Contract } from '@calbus/contracts/envelope';
import type { LicenseFacts } from '@calbus/contracts/license';
import type { RowId } from '@calbus/contracts/rows';
import { requestsConsumer } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import {
  licenseDecision,
  licenseFault,
  licenseRelearn,
  licenseRequest,
  licenseStands,
  licenseValidated,
  trustChanged,
  trustSnapshot,
  type DecisionOutcome,
} from '@calbus/contracts/terminal-server-messages';
import type { FaultCode } from '@calbus/contracts/faults';
import { testLicenseServer } from '@calbus/testkit/certificates';
import { signLicense } from '@calbus/licenses/licenses';
import { randomUUID } from 'node:crypto';

const DAY = 86_400_000;
export const SERVER = 'ABCDE12345ABCDE12345ABCDE12345ABCDE';
const { rootPem, issuingKey } = await testLicenseServer(SERVER);
const key = await issuingKey('k1');
export { rootPem };

export const hw = (n: number): string => `00000104${n.toString(16).padStart(32, '0')}`;

export const facts = (n: number, over: Partial<LicenseFacts> = {}): LicenseFacts => ({
  licenseId: `l${n}`,
  licenseServerId: SERVER,
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
export const signed = (f: LicenseFacts): string => signLicense(key.keys.privateKey, 'k1', f);

/** What a decision grants. */
export const grant = (f: LicenseFacts): DecisionOutcome => ({
  kind: 'license',
  license: signed(f),
  licenseId: f.licenseId,
  licenseKind: f.kind,
  version: f.version,
  keyPackId: f.keyPackId,
  hardwareId: f.hardwareId,
  notAfter: f.notAfter,
});

type Taken = {
  readonly request: Body<typeof licenseRequest>;
  readonly validated: Body<typeof licenseValidated>;
  readonly relearn: Body<typeof licenseRelearn>;
  readonly stands: Body<typeof licenseStands>;
};
type Verb = keyof Taken;
export type Says = DecisionOutcome | { readonly fault: FaultCode } | 'nothing';

export type PlayedLicenseServer = {
  /** What the terminal server sent, by the verb; a message that is published again counts each time. */
  readonly took: { readonly [V in Verb]: Taken[V][] };
  /** What is answered; 'nothing' at first, but `noted` to stands. */
  readonly answers: { [V in Verb]: (body: Taken[V]) => Says };
  readonly trust: Body<typeof trustSnapshot>;
  /** Changes whom to trust, and tells everybody. */
  readonly change: (over: Partial<Body<typeof trustSnapshot>>) => void;
  readonly end: () => Promise<void>;
};

const contracts = {
  request: licenseRequest,
  validated: licenseValidated,
  relearn: licenseRelearn,
  stands: licenseStands,
};
const stamp = () => ({ id: randomUUID(), sentAt: Date.now() });

export const playLicenseServer = async (nc: NatsConnection, id: string): Promise<PlayedLicenseServer> => {
  let on = true;
  let trust: Body<typeof trustSnapshot> = {
    licenseServerId: SERVER,
    generation: 'g1',
    epoch: 1,
    issuing: [{ kid: key.kid, chain: key.chain }],
    ended: [],
    position: { generation: 'g1', sequence: 7 },
  };
  const server: Omit<PlayedLicenseServer, 'trust'> = {
    took: { request: [], validated: [], relearn: [], stands: [] },
    answers: {
      request: () => 'nothing',
      validated: () => 'nothing',
      relearn: () => 'nothing',
      stands: () => ({ kind: 'noted' }),
    },
    change: (over) => {
      trust = { ...trust, ...over };
      const { generation, epoch } = trust;
      nc.publish(subjects.trust.changed, encode(trustChanged, stamp(), { generation, epoch }));
    },
    end: async () => {
      on = false;
      asked.unsubscribe();
      await reading;
    },
  };
  const say = (requestId: string, row: RowId, says: Says): void => {
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
  const take = (verb: Verb, bytes: Uint8Array): void => {
    const decoded = decode<Contract>([contracts[verb]], bytes);
    if (!decoded.ok) throw new Error(decoded.fault.detail);
    const body = decoded.message.body as Taken[Verb];
    (server.took[verb] as Taken[Verb][]).push(body);
    const rows = { request: 'D13', validated: 'D5', relearn: 'N4', stands: 'T0' } as const;
    say(body.requestId, rows[verb], (server.answers[verb] as (b: Taken[Verb]) => Says)(body));
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
      const [, , , verb = '', from] = m.subject.split('.');
      if (from === id && verb in contracts) take(verb as Verb, m.data);
    }
  })();
  return {
    ...server,
    get trust() {
      return trust;
    },
  };
};
