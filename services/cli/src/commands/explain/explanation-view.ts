// An explanation as an administrator reads it.

import type { Explanation, InputLicense } from '@calbus/contracts/explain-messages';
import { rowDescriptions } from '@calbus/operator-client/row-descriptions';
import { day, describeKind, grouped, modeName, moment, plain } from '@calbus/operator-client/text';
import { bold, dim, green, labelled, red, say } from '../../print.ts';

type Facts = Explanation['facts'];

export const LABEL_WIDTH = 10;
const label = labelled(LABEL_WIDTH);
const line = (name: string, text: string): void => label(name, plain(text));

const describeRequest = ({ asked }: Facts): string => {
  if (asked.kind === 'validated') return `a log-on with license ${asked.licenseId} was reported`;
  const user = asked.userKey === null ? '' : `, user ${asked.userKey}`;
  const by = asked.authenticatedBy === null ? '' : ` (authenticated by ${asked.authenticatedBy})`;
  return `${modeName(asked.mode)}, version ${asked.version}, device ${asked.deviceName}${user}${by}`;
};

const describeOutcome = ({ outcome: o }: Facts): string => {
  switch (o.kind) {
    case 'license':
      return `${o.licenseKind} license ${o.licenseId} for CALs of version ${o.version}, until ${day(o.notAfter)}`;
    case 'per-user':
      return o.notAfter === null
        ? `granted to ${o.userKey}`
        : `granted to ${o.userKey}, recorded for ${o.version} until ${day(o.notAfter)}`;
    case 'validated':
      return `license ${o.licenseId} is validated`;
    case 'refused':
      return `refused: ${o.code}`;
  }
};

const describePresented = ({ asked }: Facts): string | undefined => {
  if (asked.kind !== 'license') return undefined;
  const { presented: p } = asked;
  if (p.kind === 'none') return 'nothing';
  return p.kind === 'genuine' ? `license ${p.licenseId}` : `a license that is not genuine: ${p.why}`;
};

const endDescriptions: Record<InputLicense['ended'], string | undefined> = {
  no: undefined,
  superseded: 'superseded',
  returned: 'ended, CAL returned',
  revoked: 'revoked',
  merged: 'ended by a merge',
};

const describeLicense = (l: InputLicense, at: number): string => {
  const state = endDescriptions[l.ended] ?? (l.notAfter > at ? 'in date' : 'past its end');
  return `${l.licenseId}  ${describeKind(l)}, ${l.version}, until ${day(l.notAfter)}, ${state}`;
};

const list = (name: string, lines: readonly string[]): void => {
  for (const [i, text] of lines.entries()) line(i === 0 ? name : '', text);
};

/** The state on which the decision was made: licenses or entries, and CALs. */
const showInputs = ({ seen, at }: Facts): void => {
  switch (seen.kind) {
    case 'per-device': {
      const held = seen.held.map((l) => describeLicense(l, at));
      const omitted = seen.omitted === undefined ? [] : [`and ${seen.omitted} older ones that have ended`];
      if (seen.holder !== undefined) line('holder', `it was merged into device ${seen.holder}`);
      list('held', held.length === 0 ? ['nothing, ever'] : [...held, ...omitted]);
      if (seen.free) line('free', `a CAL of ${grouped(seen.free.keyPackId)}, version ${seen.free.version}`);
      else list('free', ['no CAL that may be taken', ...describeStock(seen.stock ?? [])]);
      break;
    }
    case 'per-user': {
      const entries = seen.entries.map((e) => `recorded for ${e.version} until ${day(e.notAfter)}`);
      list('held', entries.length === 0 ? ['the user was not recorded'] : entries);
      line('CALs', `${seen.installed} that serve, ${seen.recorded} users recorded against them`);
      if (seen.stock) list('', describeStock(seen.stock));
      break;
    }
    case 'report':
      line('held', seen.license ? describeLicense(seen.license, at) : 'no license of that id');
      break;
    case 'before':
    case 'repeat':
      break;
  }
};

const describeStock = (
  stock: readonly { version: string; mode: string; installed: number; issued: number }[],
) =>
  stock.length === 0
    ? ['no CALs are installed']
    : stock.map((p) => `${p.version} ${modeName(p.mode)}: ${p.installed} installed, ${p.issued} issued`);

const describeSettings = ({ seen }: Facts): string | undefined => {
  if (seen.kind === 'repeat' || seen.kind === 'report') return undefined;
  const c = seen.circumstances;
  const quota = c.quotas
    ? `quotas ${c.quotas.newDevices} of ${c.quotas.newDevicesPerMinute} new devices a minute, ${c.quotas.fullLicenses} of ${c.quotas.fullLicensesPerHour} full licenses an hour`
    : 'quotas off';
  const group = { off: 'off', in: 'on, and this terminal server in it', out: 'on, and this one not in it' };
  const common = [
    c.restored ? 'RESTORED' : c.activated ? 'activated' : 'not activated',
    `serverVersion ${c.serverVersion}`,
    `securityGroup ${group[c.securityGroup]}`,
  ];
  if (seen.kind === 'per-user')
    return [...common, `perUser ${c.perUser}`, `overdraft ${c.overdraft}`].join(', ');
  return [
    ...common,
    `renewalLeadDays ${c.renewalLeadDays}`,
    `preventLicenseUpgrade ${c.preventLicenseUpgrade}`,
    quota,
  ].join(', ');
};

export const showRefusal = (refusal: { readonly says: string; readonly todo: string }): void => {
  say();
  say(red(plain(refusal.says)));
  line('what to do', refusal.todo);
};

export const showExplanation = ({ facts, steps, agrees, refusal }: Explanation): void => {
  const { outcome, row, asked } = facts;
  const granted = outcome.kind !== 'refused';
  say((granted ? green : red)(plain(describeOutcome(facts))));
  line('row', `${row}: ${rowDescriptions[row]}`);
  line('asked', describeRequest(facts));
  line('by', `${asked.terminalServerId}, request ${asked.requestId}, ${moment(facts.at)} UTC`);
  line('hardware', asked.hardwareId);
  const presented = describePresented(facts);
  if (presented !== undefined) line('presented', presented);
  showInputs(facts);
  const settings = describeSettings(facts);
  if (settings !== undefined) line('settings', settings);
  if (outcome.kind === 'license' && outcome.keyPackId !== null) line('key pack', grouped(outcome.keyPackId));
  line('ledger', `${facts.position.sequence} of generation ${facts.position.generation}`);
  say();
  if (facts.seen.kind === 'repeat')
    say('The same request was decided before: its outcome was given again, without a new decision.');
  for (const s of steps) {
    const text = `${s.row.padEnd(4)} ${plain(s.why)}`;
    say(s.matched ? `  ${bold(`> ${text}`)}` : dim(`    ${text}`));
  }
  if (!agrees)
    say(
      'The rules above are those of this release. They lead to another row: the rules have changed since the decision.',
    );
  if (refusal) showRefusal(refusal);
};
