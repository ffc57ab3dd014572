import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { duration, fileContent } from './config.ts';
import { formatHelp, formatSettings, describeSettings } from './setting-descriptions.ts';

const schema = z.object({
  natsUrl: z.string().describe('Where NATS is.'),
  seedFile: fileContent.describe('File with a seed.'),
  offset: duration.prefault('0ms').describe('Moved by.'),
  wait: z
    .enum(['yes', 'no'])
    .default('no')
    .transform((w) => w === 'yes')
    .describe('Waits.'),
  port: z.coerce.number().int().optional().describe('A port.'),
});

describe('the settings of a schema', () => {
  test('say what is needed, what has a default, and what is optional', () => {
    assert.deepEqual(
      describeSettings(schema).map(({ variable, unset }) => [variable, unset]),
      [
        ['CALBUS_NATS_URL', { kind: 'needed' }],
        ['CALBUS_SEED_FILE', { kind: 'needed' }],
        ['CALBUS_OFFSET', { kind: 'default', text: '0ms' }],
        ['CALBUS_WAIT', { kind: 'default', text: 'no' }],
        ['CALBUS_PORT', { kind: 'nothing' }],
      ],
    );
    assert.match(formatHelp(schema), /CALBUS_WAIT {2}\(default no\)\n {6}Waits\./);
  });

  test('are printed as a file of variables, and nothing secret with them', () => {
    const env = {
      CALBUS_NATS_URL: 'nats://me:p@ss@host:1',
      CALBUS_SEED_FILE: '/run/seed',
      CALBUS_WAIT: 'yes',
      OTHER: 'x',
    };
    assert.deepEqual(formatSettings('issuer', schema, env).split('\n'), [
      '# issuer: given',
      'CALBUS_NATS_URL=nats://[hidden]@host:1',
      'CALBUS_SEED_FILE=/run/seed',
      'CALBUS_WAIT=yes',
      '# defaults',
      'CALBUS_OFFSET=0ms',
      '# not set',
      '# CALBUS_PORT=',
    ]);
  });
});
