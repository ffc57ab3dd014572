// `calbus settings`: what is in force, changing it, and who changed what when.

import { inventorySettings } from '@calbus/contracts/inventory-command-messages';
import { inventoryCurrentSettings, querySettings } from '@calbus/contracts/inventory-query-messages';
import { firstIssue } from '@calbus/contracts/envelope';
import { settingNames, settingsChange, type SettingsChange } from '@calbus/contracts/settings';
import { subjects } from '@calbus/contracts/subjects';
import { newId, type OperatorClient } from '@calbus/operator-client/client';
import { json, plain, say, table, time } from '../print.ts';
import { Problem } from '@calbus/operator-client/problem';

const read = (operator: OperatorClient) =>
  operator.ask(subjects.inventory.query('operator', 'settings'), querySettings, {}, inventoryCurrentSettings);

const shown = (value: unknown): string => (value === null ? 'off' : JSON.stringify(value));

export const get = async (
  operator: OperatorClient,
  names: readonly string[],
  asJson: boolean,
): Promise<void> => {
  const { settings } = await read(operator);
  const unknown = names.find((n) => !settingNames.includes(n as never));
  if (unknown !== undefined) throw notASetting(unknown);
  const chosen = settingNames.filter((n) => names.length === 0 || names.includes(n));
  if (asJson) return json(Object.fromEntries(chosen.map((n) => [n, settings[n]])));
  table(
    ['setting', 'value'],
    chosen.map((n) => [n, shown(settings[n])]),
  );
};

const notASetting = (name: string): Problem =>
  new Problem('INVALID_BODY', `${name} is no setting. Settings: ${settingNames.join(', ')}.`);

/** What `off` is, where it is not null. */
const offIs: Readonly<Record<string, unknown>> = { preventLicenseUpgrade: false, revocationLimit: 'none' };

/** `name=value`; the value is JSON, a bare word, or `off`. */
const parse = (text: string): [string, unknown] => {
  const at = text.indexOf('=');
  if (at < 1)
    throw new Problem('INVALID_BODY', `${text} is not name=value, such as preventLicenseUpgrade=true.`);
  const name = text.slice(0, at);
  if (!settingNames.includes(name as never)) throw notASetting(name);
  const value = text.slice(at + 1);
  if (value === 'off') return [name, offIs[name] ?? null];
  if (name === 'serverVersion') return [name, value.replaceAll('"', '')];
  try {
    return [name, JSON.parse(value) as unknown];
  } catch {
    return [name, value];
  }
};

export const changesOf = (texts: readonly string[]): SettingsChange => {
  const parsed = settingsChange.safeParse(Object.fromEntries(texts.map(parse)));
  if (!parsed.success) throw new Problem('INVALID_BODY', `${firstIssue(parsed.error)}.`);
  return parsed.data;
};

export const set = async (
  operator: OperatorClient,
  texts: readonly string[],
  by: string,
  why: string,
  asJson: boolean,
): Promise<void> => {
  const changes = changesOf(texts);
  const { position } = await operator.sendToLeader(inventorySettings, {
    commandId: newId(),
    changes,
    by,
    why,
  });
  if (asJson) return json({ changes, position });
  for (const [name, value] of Object.entries(changes)) say(`${name} is ${shown(value)} from now on.`);
};

export const history = async (operator: OperatorClient, asJson: boolean): Promise<void> => {
  const { changes } = await read(operator);
  if (asJson) return json(changes);
  if (changes.length === 0) return say('No setting was ever changed.');
  table(
    ['when', 'sequence', 'by', 'changes', 'why'],
    changes.map((c) => [
      time(c.at),
      String(c.sequence),
      c.by,
      Object.entries(c.changes)
        .map(([n, v]) => `${n}=${shown(v)}`)
        .join(' '),
      plain(c.why),
    ]),
  );
};
