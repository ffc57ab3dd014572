// The agent over TLS: it connects if the configured authority issued the certificate, and not otherwise.

import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '@calbus/test-support/eventually';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import { testNats } from '@calbus/test-support/servers';
import { testAuthority } from '@calbus/test-support/tls-certificates';
import { natsConfig } from '../../../../deploy/nats/config.ts';
import { ensureKeys, terminalServerSeedFile } from '../../../../deploy/nats/keys.ts';
import { rootPem } from '@calbus/test-support/terminal-server/fake-license-server';
import { askAgent } from './check.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

test('caFile decides which servers it connects to', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-agent-tls-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const place = (name: string): string => path.join(dir, name);
  using ours = await testAuthority();
  using others = await testAuthority();
  const tls = await ours.certify(['127.0.0.1']);
  const keys = ensureKeys(place('keys'), ['ts1']);
  await using nats = await testNats({
    config: (at) => natsConfig({ ...at, syncAlways: true, keys, tls }),
  });
  cpSync(terminalServerSeedFile(place('keys'), 'ts1'), place('seed'));
  writeFileSync(place('root.pem'), rootPem);
  const start = (name: string, caFile: string): Promise<ServiceProcess> => {
    const licenseServer = {
      servers: [`tls://127.0.0.1:${nats.port}`],
      caFile,
      seedFile: place('seed'),
      rootFile: place('root.pem'),
    };
    const config = {
      terminalServerId: 'ts1',
      mode: 'per-user',
      version: '2003',
      licenseServers: [licenseServer],
      storeFile: place(`${name}.kept.json`),
      socket: place(`${name}.sock`),
    };
    writeFileSync(place(`${name}.json`), JSON.stringify(config));
    return startService({
      main: MAIN,
      args: ['run', '--config', place(`${name}.json`)],
      ready: /^ready: /,
      readyWithinMs: 60_000,
    });
  };
  const link = async (name: string): Promise<string> => {
    const status = await askAgent(place(`${name}.sock`), '{"do":"status"}', 30_000);
    const { link: is } = JSON.parse(status) as { link: { kind: string; why?: string } };
    return `${is.kind} ${is.why ?? ''}`;
  };
  await using _right = await start('right', ours.caFile);
  await eventually('it is connected', async () => (await link('right')) === 'connected ', {
    withinMs: 60_000,
  });
  await using _wrong = await start('wrong', others.caFile);
  await eventually('it says why not', async () => /^away .*certificate/i.test(await link('wrong')), {
    withinMs: 60_000,
  });
});
