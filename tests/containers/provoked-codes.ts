// Every refusal and every fault, and how it is provoked from outside; or why it cannot be, and which test provokes it. The tables have
// each code of the closed lists: the compiler sees to that.

import type { Contract } from '@calbus/contracts/envelope';
import { encode } from '@calbus/contracts/envelope';
import type { EmittedFaultCode } from '@calbus/contracts/faults';
import { faultOf } from '@calbus/contracts/faults';
import {
  inventoryAccepted,
  inventoryRefused,
  inventoryRevoke,
  inventorySettings,
  inventoryWithhold,
} from '@calbus/contracts/inventory-command-messages';
import { queryPacks, inventoryPacks } from '@calbus/contracts/inventory-query-messages';
import { queryStatus } from '@calbus/contracts/inventory-status-messages';
import { serviceFault } from '@calbus/contracts/service-fault';
import type { RefusalCode } from '@calbus/contracts/refusals';
import { subjects } from '@calbus/contracts/subjects';
import { decode } from '@calbus/contracts/envelope';
import type { Decision, LicenseRequest } from '@calbus/terminal-server/client';
import { eventually } from '@calbus/test-support/eventually';
import type { ComposeDeployment } from './compose-deployment.ts';
import { TEST_ID_PREFIX } from './message-tap.ts';

/** Gives the code that came. */
export type Provoke = (site: ComposeDeployment, term: number) => Promise<string>;
export type Entry =
  { readonly provoke: Provoke } | { readonly recorded: string } | { readonly notHere: string };
const provoke = (p: Provoke): Entry => ({ provoke: p });
const notHere = (why: string): Entry => ({ notHere: why });
const recorded = (id: string): Entry =>
  notHere(`the recording of ${id} is refused so; see "codes of recordings"`);

let devices = 0x5000;
export const newDevice = (): { hardwareId: string; name: string } => {
  devices += 1;
  return { hardwareId: `00000104${devices.toString(16).padStart(32, '0')}`, name: `desk-${devices}` };
};
const codeOf = (d: Decision): string => (d.outcome.kind === 'refused' ? d.outcome.code : d.outcome.kind);

const asks = async (
  site: ComposeDeployment,
  id: 'ts1' | 'ts2',
  ask: Partial<LicenseRequest> = {},
): Promise<string> => {
  const ts = await site.terminalServer(id);
  try {
    return codeOf(await ts.request({ device: newDevice(), ...ask }));
  } finally {
    await ts.close();
  }
};
const ann = { name: 'ann', domain: 'EXAMPLE', authenticatedBy: 'pam' };

/** With these settings, and without them afterwards. */
const withSettings =
  (
    set: readonly string[],
    back: readonly string[],
    act: (site: ComposeDeployment) => Promise<string>,
  ): Provoke =>
  async (site) => {
    const done = await site.calbus('settings', 'set', ...set, '--why', 'a test');
    if (done.code !== 0) throw new Error(done.stderr);
    try {
      return await act(site);
    } finally {
      await site.calbus('settings', 'set', ...back, '--why', 'a test');
    }
  };

/** A log-on reported for this license of this device. */
const reports = async (site: ComposeDeployment, licenseId: string, hardwareId: string): Promise<string> => {
  const ts = await site.terminalServer('ts1');
  try {
    return codeOf(await ts.validated(licenseId, hardwareId));
  } finally {
    await ts.close();
  }
};

/** A device becomes fully licensed, and its log-on is reported once more. */
const reportsFull = async (site: ComposeDeployment): Promise<string> => {
  const ts = await site.terminalServer('ts1');
  try {
    const device = newDevice();
    const temporary = await ts.request({ device });
    if (temporary.outcome.kind !== 'license') return codeOf(temporary);
    await ts.validated(temporary.outcome.licenseId, device.hardwareId);
    const full = await ts.request({ device });
    return full.outcome.kind === 'license'
      ? codeOf(await ts.validated(full.outcome.licenseId, device.hardwareId))
      : codeOf(full);
  } finally {
    await ts.close();
  }
};

const commanded = async (
  site: ComposeDeployment,
  who: 'operator' | 'clearinghouse-liaison',
  subject: string,
  c: Contract,
  body: unknown,
): Promise<string> => {
  const nc = await site.connectAs(who);
  try {
    const id = `${TEST_ID_PREFIX}${Math.random().toString(36).slice(2)}`;
    const { data } = await nc.request(subject, encode(c, { id, sentAt: Date.now() }, body as never), {
      timeout: 10_000,
    });
    const answer = decode([inventoryAccepted, inventoryRefused, serviceFault], data);
    if (!answer.ok) return answer.fault.code;
    const { message } = answer;
    return message.type === inventoryAccepted.type ? message.type : message.body.code;
  } finally {
    await nc.close();
  }
};

const revoked: Provoke = (site, term) =>
  commanded(site, 'operator', subjects.inventory.operate(term), inventoryRevoke, {
    commandId: `${TEST_ID_PREFIX}${newDevice().name}`,
    licenseId: 'no-such-license',
    by: 'test',
    why: 'a test',
  });

/** One may be revoked of so few. */
const revokedTwice: Provoke = async (site, term) => {
  await revokeAll(site, term);
  await reportsFull(site);
  const codes = await revokeAll(site, term);
  return codes.find((code) => code === 'REVOCATION_LIMIT') ?? codes.join(' ');
};

const revokeAll = async (site: ComposeDeployment, term: number): Promise<string[]> => {
  const { stdout } = await site.calbus('licenses', '--json', '--limit', '100');
  const ids = [...stdout.matchAll(/"licenseId": ?"([^"]+)"/g)].map((m) => m[1]);
  const codes = new Set<string>();
  for (const licenseId of ids)
    codes.add(
      await commanded(site, 'operator', subjects.inventory.operate(term), inventoryRevoke, {
        commandId: `${TEST_ID_PREFIX}${newDevice().name}`,
        licenseId,
        by: 'test',
        why: 'a test',
      }),
    );
  return [...codes];
};

const withheldTooMany: Provoke = async (site, term) => {
  const { packs } = await site.operator.ask(
    subjects.inventory.query('operator', 'packs'),
    queryPacks,
    {},
    inventoryPacks,
  );
  return await commanded(site, 'clearinghouse-liaison', subjects.inventory.install(term), inventoryWithhold, {
    commandId: `${TEST_ID_PREFIX}withhold`,
    keyPackId: packs[0]?.keyPackId,
    quantity: 1_000_000,
    by: 'test',
  });
};

/** While nothing is activated and installed. */
export const beforeActivation: Readonly<Partial<Record<RefusalCode, Provoke>>> = {
  NOT_ACTIVATED: (site) => asks(site, 'ts2', { user: ann }),
};
/** Activated, nothing installed. */
export const beforeInstallation: Readonly<Partial<Record<RefusalCode, Provoke>>> = {
  NOTHING_INSTALLED_FOR_PRODUCT: (site) => asks(site, 'ts2', { user: ann }),
};
/** Only Per Device CALs are installed. */
export const withPerDeviceOnly: Readonly<Partial<Record<RefusalCode, Provoke>>> = {
  WRONG_MODE: (site) => asks(site, 'ts2', { user: ann }),
};
const earlier = notHere('see the stories before the activation and the installation');

export const refusalsProvoked: Readonly<Record<RefusalCode, Entry>> = {
  NOT_ACTIVATED: earlier,
  NOTHING_INSTALLED_FOR_PRODUCT: earlier,
  WRONG_MODE: earlier,
  UPGRADE_PREVENTED: notHere('needs CALs of a later version alone: tests/rules, V4'),
  NO_LICENSE_AVAILABLE: provoke(
    withSettings(['perUser=enforced', 'overdraft=0'], ['perUser=unmonitored'], async (site) => {
      for (let n = 1; n < 10; n += 1) await asks(site, 'ts2', { user: { ...ann, name: `user-${n}` } });
      return await asks(site, 'ts2', { user: { ...ann, name: 'one-too-many' } });
    }),
  ),
  NO_DEVICE_IDENTITY: provoke((site) =>
    asks(site, 'ts1', { device: { hardwareId: '0'.repeat(40), name: 'nobody' } }),
  ),
  TERMINAL_SERVER_NOT_IN_GROUP: provoke(
    withSettings(['securityGroup=["ts2"]'], ['securityGroup=off'], (site) => asks(site, 'ts1')),
  ),
  SERVER_TOO_OLD: provoke(
    withSettings(['serverVersion=2000'], ['serverVersion=2025'], (site) => asks(site, 'ts1')),
  ),
  QUOTA: provoke(
    withSettings(['quotas={"newDevicesPerMinute":0,"fullLicensesPerHour":0}'], ['quotas=off'], (site) =>
      asks(site, 'ts1'),
    ),
  ),
  STORAGE_NEARLY_FULL: notHere('needs a full disk: services/inventory, storage-watch'),
  NOT_AUTHENTICATED: provoke((site) => asks(site, 'ts2', { user: { name: 'ann' } })),
  UNKNOWN_LICENSE: provoke((site) => reports(site, 'no-such-license', newDevice().hardwareId)),
  NOT_TEMPORARY: provoke(reportsFull),
  NOT_REVOCABLE: provoke(revoked),
  REVOCATION_LIMIT: provoke(revokedTwice),
  NOT_RELEARNED: recorded('license.relearn'),
  MERGE_REJECTED: recorded('inventory.merge-devices'),
  KEY_PACK_REJECTED: recorded('inventory.install'),
  NOT_FREE: provoke(withheldTooMany),
  UNKNOWN_PACK: recorded('inventory.withhold'),
  CERTIFICATE_REJECTED: recorded('inventory.activation'),
  SETTINGS_REJECTED: provoke((site, term) =>
    commanded(site, 'operator', subjects.inventory.operate(term), inventorySettings, {
      commandId: `${TEST_ID_PREFIX}settings`,
      changes: { renewalLeadDays: 60 },
      by: 'test',
      why: 'a test',
    }),
  ),
  NO_LOSS: recorded('inventory.accept-loss'),
  LOSS_CHANGED: notHere('needs a ledger that is lost: tests/flow/loss'),
  RESTORE_REJECTED: recorded('inventory.restore'),
  MODE_NOT_CONFIGURED: notHere("a terminal server's own answer, which crosses nothing: tests/rules, D0"),
  LICENSE_SERVER_UNREACHABLE: notHere(
    "a terminal server's own answer, which crosses nothing: tests/rules, D3",
  ),
};

/** Bytes sent as a question for the status of inventory; the code of the fault that is answered. */
const answeredTo =
  (bytes: Uint8Array): Provoke =>
  async (site) => {
    const nc = await site.connectAs('operator');
    try {
      const { data } = await nc.request(subjects.inventory.query('operator', 'status'), bytes, {
        timeout: 10_000,
      });
      const answer = decode([serviceFault], data);
      return answer.ok ? answer.message.body.code : 'no fault';
    } finally {
      await nc.close();
    }
  };
const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const question = (changes: Record<string, unknown>): Uint8Array =>
  text(
    JSON.stringify({
      id: `${TEST_ID_PREFIX}q`,
      type: queryStatus.type,
      version: 1,
      correlationId: 'q',
      causationId: null,
      sentAt: 1,
      body: {},
      ...changes,
    }),
  );

/** Published with a reply subject; the code of the letter that is written about it. */
const putAside =
  (who: 'operator' | { readonly terminalServer: string }, subject: string, code: EmittedFaultCode): Provoke =>
  async (site) => {
    const nc = await site.connectAs(who);
    nc.publish(subject, question({}), { reply: '_INBOX_issuer.x' });
    await nc.flush();
    await nc.close();
    await eventually(
      `a letter ${code} about ${subject}`,
      async () => {
        const { stdout } = await site.calbus('dead-letters', '--limit', '1000', '--json');
        const letters = JSON.parse(stdout) as { readonly subject: string; readonly code: string }[];
        return letters.some((l) => l.subject === subject && l.code === code);
      },
      { withinMs: 60_000, everyMs: 500 },
    );
    return code;
  };

/** A request while this service is paused. */
const whilePaused =
  (service: string): Provoke =>
  async (site) => {
    const [id = ''] = await site.containers(service);
    const ts = await site.terminalServer('ts1', 3_000);
    await site.docker('pause', id);
    try {
      return codeOf(await ts.request({ device: newDevice() }));
    } catch (error) {
      return faultOf(error)?.code ?? String(error);
    } finally {
      await site.docker('unpause', id);
      await ts.close();
    }
  };

export const faultsProvoked: Readonly<Record<EmittedFaultCode, Entry>> = {
  TOO_LARGE: provoke(answeredTo(text(' '.repeat(queryStatus.maxBytes + 1)))),
  NOT_UTF8: provoke(answeredTo(Uint8Array.of(0xff, 0xfe))),
  NOT_JSON: provoke(answeredTo(text('{'))),
  NOT_AN_ENVELOPE: provoke(answeredTo(text('{}'))),
  UNKNOWN_TYPE: provoke(answeredTo(question({ type: 'not.yet.invented' }))),
  UNKNOWN_VERSION: provoke(answeredTo(question({ version: 99 }))),
  INVALID_BODY: provoke(answeredTo(question({ body: 'none' }))),
  WRONG_SUBJECT: provoke(putAside({ terminalServer: 'ts1' }, 'cal.v1.license.nothing.ts1', 'WRONG_SUBJECT')),
  FORBIDDEN_REPLY: provoke(
    putAside('operator', subjects.inventory.query('operator', 'packs'), 'FORBIDDEN_REPLY'),
  ),
  NO_LEADER: notHere(
    'passes between issuer and inventory, and the issuer asks again: the strikes provoke it',
  ),
  NOT_LEADER: notHere('passes between issuer and inventory, and the issuer asks again: tests/flow/replicas'),
  TIMEOUT: provoke(whilePaused('issuer')),
  BUSY: notHere('needs 20,000 requests in the queue: services/issuer and shared/terminal-server'),
  UNREACHABLE: notHere(
    'asking again is what a terminal server does then, until TIMEOUT: shared/terminal-server',
  ),
  HANDLER_FAILED: notHere('needs an error of ours; no message provokes it: services/issuer'),
  STORAGE_FULL: notHere('needs a full disk: services/inventory'),
};
