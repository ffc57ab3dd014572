// The reference page of every setting, from the schemas that the services check their configuration with.

import type { z } from 'zod';
import { describeSettings, type SettingDescription } from '@calbus/runtime/setting-descriptions';
import { config as clearinghouse } from '../../services/clearinghouse/src/config.ts';
import { config as liaison } from '../../services/clearinghouse-liaison/src/config.ts';
import { config as inventory } from '../../services/inventory/src/config.ts';
import { config as issuer } from '../../services/issuer/src/config.ts';
import { config as sessionGateway } from '../../services/session-gateway/src/config.ts';
import { config as provision } from '../nats/provision-config.ts';

export const configured: Readonly<Record<string, { readonly about: string; readonly schema: z.ZodObject }>> =
  {
    issuer: { about: 'Answers license requests, and signs.', schema: issuer },
    inventory: { about: 'Holds the ledger. One replica leads, the others follow.', schema: inventory },
    'clearinghouse-liaison': {
      about: 'Holds the identity of this license server, and exchanges messages with the Clearinghouse.',
      schema: liaison,
    },
    clearinghouse: {
      about: "The vendor's side: activates license servers and issues CALs.",
      schema: clearinghouse,
    },
    'session-gateway': {
      about: 'Licenses the clients of the RDP server behind it.',
      schema: sessionGateway,
    },
    provision: {
      about: 'Sets up the streams of a deployment, once before inventory starts.',
      schema: provision,
    },
  };

const unset = (s: SettingDescription['unset']): string => {
  switch (s.kind) {
    case 'needed':
      return '**needed**';
    case 'default':
      return `\`${s.text}\``;
    case 'nothing':
      return 'optional';
  }
};

const table = (schema: z.ZodObject): string[] => [
  '| variable | default | meaning |',
  '| --- | --- | --- |',
  ...describeSettings(schema).map(
    (s) => `| \`${s.variable}\` | ${unset(s.unset)} | ${s.about.replaceAll('|', '\\|')} |`,
  ),
];

export const configurationPage = (): string =>
  [
    '# What can be set?',
    '',
    '<!-- Generated from the schemas of the services: `npm run configuration`. -->',
    '',
    'Each service reads its settings from variables of its environment, and from the files that they name. It checks all of them before',
    'it connects to anything. It refuses an unknown variable that begins with `CALBUS_`, a missing variable, and a value that does not',
    'fit. Each refusal is one sentence, and the exit code is 2. A secret is never in a variable. It is in a file that a variable names, and',
    'the service reads the file when it starts.',
    '',
    '| option | effect |',
    '| --- | --- |',
    '| `--help` | shows the table below for this service |',
    '| `--check` | checks the configuration and starts nothing |',
    '| `--print` | prints the configuration in force: given values, defaults, and unset variables. Of a secret it prints only the name of the file |',
    '',
    'The pages about health are in [health.md](operations/health.md). An administrator changes the settings of the license server while it runs: [settings.md](operations/reference/settings.md).',
    ...Object.entries(configured).flatMap(([name, { about, schema }]) => [
      '',
      `## ${name}`,
      '',
      about,
      '',
      ...table(schema),
    ]),
    '',
  ].join('\n');
