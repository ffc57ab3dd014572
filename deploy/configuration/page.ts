// The reference page of every setting, out of the very schemas that refuse what is not one.

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
    inventory: { about: 'Keeps the ledger. One replica leads, the others follow.', schema: inventory },
    'clearinghouse-liaison': {
      about: 'Keeps the identity of this license server, and speaks to the Clearinghouse.',
      schema: liaison,
    },
    clearinghouse: { about: "The vendor's side.", schema: clearinghouse },
    'session-gateway': {
      about: 'Sits in front of an RDP server, and licenses its clients.',
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
      return 'may be left out';
  }
};

const table = (schema: z.ZodObject): string[] => [
  '| variable | unless set | what it is |',
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
    'Each service is told by variables of its environment, and by the files that they name. All are checked before',
    'anything is connected: a variable that begins with `CALBUS_` and is none of these, one that is missing and a value that does not',
    'fit are refused in one sentence each, with exit code 2. Secrets are never in a variable, but in a file that it names, which the',
    'service reads when it starts.',
    '',
    '| with | a service |',
    '| --- | --- |',
    '| `--help` | says what is below, of itself |',
    '| `--check` | says whether its configuration is good, and starts nothing |',
    '| `--print` | prints its configuration as it is in force: what was given, the defaults, and what is not set. Of secrets it prints only the names of the files |',
    '',
    'How the health of a service is asked is in [health.md](operations/health.md). The settings of the license server, which its administrator changes while it runs, are others: `calbus settings get`.',
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
