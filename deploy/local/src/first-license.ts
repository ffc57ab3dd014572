// The main job in front of the user, from a purchase agreement to a CAL on a device. Prints one line with a reason for each step.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { purchaseAgreement } from '@calbus/contracts/purchases';
import type { Body } from '@calbus/contracts/envelope';
import { liaisonStatus, queryLiaisonStatus } from '@calbus/contracts/liaison-messages';
import { inventoryStatus, queryStatus } from '@calbus/contracts/inventory-status-messages';
import { subjects } from '@calbus/contracts/subjects';
import { activate, install } from '@calbus/operator-client/clearinghouse-commands';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { describeCounts, describeDecision, grouped, modeName } from '@calbus/operator-client/text';
import { readLiveCounts } from '@calbus/operator-client/live-counts';
import type { OperatorClient } from '@calbus/operator-client/client';
import type { Profile } from '@calbus/operator-client/profile';
import { rowDescriptions } from '@calbus/operator-client/row-descriptions';
import type { Decision, TerminalServer } from '@calbus/terminal-server/client';

export type FirstLicenseOptions = {
  readonly operator: OperatorClient;
  readonly redis: Redis;
  readonly profile: Profile;
  /** The sample agreement: its path and its text. */
  readonly sample: { readonly file: string; readonly text: string };
  /** Enters an agreement at the Clearinghouse as the vendor does. */
  readonly addAgreement: (file: string) => Promise<void>;
  readonly say: (line: string) => void;
};

const hardwareId = (n: number): string => `00000104${n.toString(16).padStart(32, '0')}`;
const PER_DEVICE = 'ts1';
const PER_USER = 'ts2';

/** Shows the counts when they have reached `sequence` or later. */
const counts = async (f: FirstLicenseOptions, sequence: number): Promise<void> => {
  for (let i = 0; i < 100; i += 1) {
    const live = await readLiveCounts(f.redis).catch(() => undefined);
    if (live?.head && live.head.sequence >= sequence)
      return f.say(`             counts: ${describeCounts(live)}`);
    await sleep(50);
  }
  f.say('             counts: Redis does not answer; licenses are still issued.');
};

const step = async (f: FirstLicenseOptions, what: string, decided: Promise<Decision>): Promise<Decision> => {
  const d = await decided;
  f.say(`  ${d.row.padEnd(4)} ${what}: ${describeDecision(d)} (${rowDescriptions[d.row] ?? ''})`);
  await counts(f, d.position.sequence);
  return d;
};

const ask = (ts: TerminalServer, n: number): Promise<Decision> =>
  ts.request({ device: { hardwareId: hardwareId(n), name: `desk-${n}` } });

type Status = Body<typeof inventoryStatus>;

const statusOf = (f: FirstLicenseOptions): Promise<Status> =>
  f.operator.ask(subjects.inventory.query('operator', 'status'), queryStatus, {}, inventoryStatus);

const LEAD_MS = 15_000;

/** Waits until a replica leads or reports why it cannot. Undefined after a timeout, which the next step reports. */
const untilStanding = async (f: FirstLicenseOptions): Promise<Status | undefined> => {
  for (const deadline = performance.now() + LEAD_MS; performance.now() < deadline; await sleep(100)) {
    const now = await statusOf(f);
    if (now.role === 'leader' || now.loss) return now;
  }
  return undefined;
};

/** Waits for Clearinghouse commands of an interrupted start. They continue by themselves, and a repeat would buy twice. */
const untilOutboxIsEmpty = async (f: FirstLicenseOptions): Promise<void> => {
  for (;;) {
    const { commands } = await f.operator.ask(
      subjects.liaison.query('operator', 'status'),
      queryLiaisonStatus,
      {},
      liaisonStatus,
    );
    const open = commands.filter((c) => c.state.state !== 'done' && c.state.state !== 'rejected');
    if (open.length === 0) return;
    f.say(`Waiting for earlier commands to the Clearinghouse: ${open.map((c) => c.about).join('; ')}.`);
    await sleep(1_000);
  }
};

const buy = async (f: FirstLicenseOptions, before: Status): Promise<void> => {
  const agreement = purchaseAgreement.parse(JSON.parse(f.sample.text));
  f.say(`The purchase agreement (${f.sample.file}):`);
  for (const line of f.sample.text.trim().split('\n')) f.say(`    ${line}`);
  if (!before.activation) {
    await f.addAgreement(f.sample.file);
    f.say(
      `The Clearinghouse has entered agreement ${agreement.agreementNumber} (${agreement.program}) of ${agreement.company}.`,
    );
    const contact = {
      firstName: 'Ann',
      lastName: 'Admin',
      company: agreement.company,
      country: 'Sampleland',
    };
    const activated = await activate(f.operator, contact, (c) => f.say(`  activate: ${c.state.state}`));
    if (activated.state.state === 'done')
      f.say(
        `The license server is activated as ${grouped(activated.state.serverId ?? '')}, so it may issue full licenses.`,
      );
  }
  for (const { version, mode, quantity } of agreement.covers) {
    if (before.pools.some((p) => p.version === version && p.mode === mode && p.installed > 0)) continue;
    const { program, agreementNumber } = agreement;
    const purchase = { program, agreementNumber, version, mode, quantity };
    const done = await install(f.operator, purchase, (c) => f.say(`  install: ${c.state.state}`));
    if (done.state.state === 'done')
      f.say(
        `Key pack ${grouped(done.state.keyPackId ?? '')} is installed: ${quantity} ${modeName(mode)} CALs for ${version}.`,
      );
  }
};

const perDevice = async (f: FirstLicenseOptions): Promise<void> => {
  f.say(
    `${PER_DEVICE}, a terminal server in Per Device mode, asks for three devices; two CALs are in the pool:`,
  );
  const ts = await connectTerminalServer(f.profile, PER_DEVICE);
  try {
    for (const n of [1, 2, 3]) {
      const first = await step(f, `desk-${n} connects`, ask(ts, n));
      if (first.outcome.kind !== 'license') continue;
      if (first.row === 'D4' || first.row === 'D8') {
        await step(
          f,
          `desk-${n}: a user has logged on`,
          ts.validated(first.outcome.licenseId, hardwareId(n)),
        );
        await step(f, `desk-${n} connects again`, ask(ts, n));
      }
    }
    await step(f, 'desk-1 connects once more', ask(ts, 1));
  } finally {
    await ts.close();
  }
};

const perUser = async (f: FirstLicenseOptions): Promise<void> => {
  f.say(`${PER_USER}, a terminal server in Per User mode, asks for an authenticated user:`);
  const ts = await connectTerminalServer(f.profile, PER_USER);
  try {
    const user = { name: 'ann', domain: 'EXAMPLE', authenticatedBy: 'pam' };
    await step(
      f,
      'EXAMPLE\\ann logs on',
      ts.request({ device: { hardwareId: hardwareId(1), name: 'desk-1' }, user }),
    );
  } finally {
    await ts.close();
  }
};

/** Does the remaining steps, so that an interrupted first run continues. True if there was nothing to do: the ledger has everything, or is lost. */
export const runFirstLicense = async (f: FirstLicenseOptions): Promise<boolean> => {
  const loss = (await untilStanding(f))?.loss;
  if (loss?.evidence.some((e) => e.from === 'restore')) {
    f.say('The ledger waits for a backup: calbus restore <file>. Until then it issues nothing.');
    return true;
  }
  if (loss) {
    f.say(
      'Something of the ledger is lost, so nothing is issued. `calbus status` says what was seen of it. Put',
    );
    f.say('the folder nats/ back from a copy, or accept the loss: calbus ledger accept-loss --why "..."');
    return true;
  }
  await untilOutboxIsEmpty(f);
  const before = await statusOf(f);
  if (before.licenses.full + before.licenses.temporary >= 3) {
    f.say(
      `The ledger holds ${before.licenses.full} full and ${before.licenses.temporary} temporary licenses on ${before.devices} devices; it goes on at ${before.position.sequence}.`,
    );
    await counts(f, before.position.sequence);
    return true;
  }
  if (before.keyPacks < 2) await buy(f, before);
  await perDevice(f);
  await perUser(f);
  return false;
};
