// The group `calbus settings …`.

import type { Command } from 'commander';
import { firstIssue } from '@calbus/contracts/envelope';
import { settingNames, settingsChange, type SettingsChange } from '@calbus/contracts/settings';
import type { OperatorClient } from '@calbus/operator-client/client';
import { operatorName } from '@calbus/operator-client/ids';
import { changeSettings } from '@calbus/operator-client/inventory-commands';
import { Problem } from '@calbus/operator-client/problem';
import { readSettings } from '@calbus/operator-client/queries';
import { plain, time } from '@calbus/operator-client/text';
import { JSON_OPTION, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { json, say, table } from '../../print.ts';

type SettingName = (typeof settingNames)[number];

const formatValue = (value: unknown): string => (value === null ? 'off' : JSON.stringify(value));

const settingName = (name: string): SettingName => {
  const found = settingNames.find((n) => n === name);
  if (found) return found;
  throw new Problem('INVALID_BODY', `${name} is no setting. Settings: ${settingNames.join(', ')}.`);
};

const showSettings = async (operator: OperatorClient, names: readonly string[], asJson: boolean) => {
  const { settings } = await readSettings(operator);
  const selected = names.map(settingName);
  const shown = settingNames.filter((n) => names.length === 0 || selected.includes(n));
  if (asJson) return json(Object.fromEntries(shown.map((n) => [n, settings[n]])));
  table(
    ['setting', 'value'],
    shown.map((n) => [n, formatValue(settings[n])]),
  );
};

/** The value of `off`, where it is not null. */
const offValues: Readonly<Record<string, unknown>> = {
  preventLicenseUpgrade: false,
  revocationLimit: 'none',
};

/** `name=value`; the value is JSON, a bare word, or `off`. */
const parseChange = (text: string): [string, unknown] => {
  const at = text.indexOf('=');
  if (at < 1)
    throw new Problem('INVALID_BODY', `${text} is not name=value, such as preventLicenseUpgrade=true.`);
  const name = settingName(text.slice(0, at));
  const value = text.slice(at + 1);
  if (value === 'off') return [name, offValues[name] ?? null];
  if (name === 'serverVersion') return [name, value.replaceAll('"', '')];
  try {
    return [name, JSON.parse(value) as unknown];
  } catch {
    return [name, value];
  }
};

const parseChanges = (texts: readonly string[]): SettingsChange => {
  const parsed = settingsChange.safeParse(Object.fromEntries(texts.map(parseChange)));
  if (!parsed.success) throw new Problem('INVALID_BODY', `${firstIssue(parsed.error)}.`);
  return parsed.data;
};

const showHistory = async (operator: OperatorClient, asJson: boolean) => {
  const { changes } = await readSettings(operator);
  if (asJson) return json(changes);
  if (changes.length === 0) return say('No setting was ever changed.');
  table(
    ['when', 'sequence', 'by', 'changes', 'why'],
    changes.map((c) => [
      time(c.at),
      String(c.sequence),
      c.by,
      Object.entries(c.changes)
        .map(([n, v]) => `${n}=${formatValue(v)}`)
        .join(' '),
      plain(c.why),
    ]),
  );
};

export const define: DefineCommand = (group, { withOperator }) => {
  const add = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .option(...JSON_OPTION);

  add('get', 'the settings in force')
    .argument('[names...]', 'only these')
    .action((names: string[], o: JsonOption) =>
      withOperator((operator) => showSettings(operator, names, o.json ?? false)),
    );
  add('set', 'change settings; in force at once, and kept in the ledger')
    .argument(
      '<changes...>',
      'name=value, such as preventLicenseUpgrade=true or \'securityGroup=["ts1"]\'; off turns off',
    )
    .option('--why <reason>', 'kept with the change', '')
    .action((texts: string[], o: JsonOption & { readonly why: string }) =>
      withOperator(async (operator) => {
        const changes = parseChanges(texts);
        const { position } = await changeSettings(operator, changes, { by: operatorName(), why: o.why });
        if (o.json) return json({ changes, position });
        for (const [name, value] of Object.entries(changes))
          say(`${name} is ${formatValue(value)} from now on.`);
      }),
    );
  add('history', 'the changes with author, time and reason, newest first').action((o: JsonOption) =>
    withOperator((operator) => showHistory(operator, o.json ?? false)),
  );
};
