// Certificates over many years: when they are renewed, and which certificates a client trusts that was not restarted.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { AUTHORITY_DAYS, ensureTls, SERVER_DAYS, type TlsFiles } from './certificate-files.ts';

const DAY = 86_400_000;
const start = Date.parse('2026-11-24T00:00:00Z');
const servers = { nats: { names: ['nats', '127.0.0.1'], alsoClient: true }, redis: { names: ['redis'] } };

const folder = (t: TestContext): string => {
  const directory = mkdtempSync(path.join(tmpdir(), 'calbus-tls-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
};

const authoritiesIn = (pem: string): X509Certificate[] =>
  pem
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((part) => part.trim() !== '')
    .map((part) => new X509Certificate(part));

const believes = (authorities: string, kept: TlsFiles, name: string): boolean => {
  const certificate = new X509Certificate(kept.servers[name]?.certificate ?? '');
  return authoritiesIn(authorities).some(
    (a) => certificate.checkIssued(a) && certificate.verify(a.publicKey),
  );
};

test('existing files are kept, and only their owner may read them', async (t) => {
  const directory = folder(t);
  const first = await ensureTls(directory, servers, start);
  assert.deepEqual(first.made, ['nats', 'redis']);
  const second = await ensureTls(directory, servers, start + 200 * DAY);
  assert.deepEqual(second, { ...first, made: [] });
  const files = readdirSync(directory);
  assert.equal(files.length, 6);
  for (const file of files) assert.equal(statSync(path.join(directory, file)).mode & 0o777, 0o600, file);
});

test('a certificate is renewed if less than a third of its time is left, if its names change, or if it is invalid', async (t) => {
  const directory = folder(t);
  const first = await ensureTls(directory, servers, start);
  const late = await ensureTls(directory, servers, start + (SERVER_DAYS * DAY * 2) / 3 + DAY);
  assert.deepEqual(late.made, ['nats', 'redis']);
  assert.equal(late.authorities, first.authorities, 'by the same authority');
  const more = { ...servers, nats: { ...servers.nats, names: ['nats', '127.0.0.1', 'licenses.example'] } };
  assert.deepEqual((await ensureTls(directory, more, start + 250 * DAY)).made, ['nats']);
  writeFileSync(path.join(directory, 'redis.pem'), 'nothing');
  assert.deepEqual((await ensureTls(directory, more, start + 250 * DAY)).made, ['redis']);
  writeFileSync(path.join(directory, 'redis.key'), first.servers['nats']?.key ?? '');
  assert.deepEqual((await ensureTls(directory, more, start + 250 * DAY)).made, ['redis']);
});

test('for thirty years, clients that restart once a year trust servers that restart once a year', async (t) => {
  const directory = folder(t);
  let told = '';
  let showing: TlsFiles | undefined;
  const seen = new Set<string>();
  for (let month = 0; month < 30 * 12; month += 1) {
    const now = start + month * 30 * DAY;
    const kept = await ensureTls(directory, servers, now);
    // Clients and servers restart once a year, half a year apart.
    if (month % 12 === 0) told = kept.authorities;
    if (month % 12 === 6) showing = kept;
    for (const name of Object.keys(servers)) {
      assert.ok(believes(told, showing ?? kept, name), `month ${month}, ${name}`);
      const { validFromDate, validToDate } = new X509Certificate(kept.servers[name]?.certificate ?? '');
      assert.ok(now > validFromDate.getTime() && now < validToDate.getTime() - 30 * DAY, `month ${month}`);
    }
    for (const a of authoritiesIn(kept.authorities)) {
      seen.add(a.fingerprint256);
      assert.ok(now < a.validToDate.getTime(), `month ${month}: an expired authority`);
    }
  }
  assert.ok(seen.size >= (30 * 365) / AUTHORITY_DAYS, `${seen.size} authorities`);
});

test('an invalid authority is reported and never replaced, because clients trust it', async (t) => {
  const directory = folder(t);
  await ensureTls(directory, servers, start);
  writeFileSync(path.join(directory, 'authority-1.pem'), 'nothing');
  await assert.rejects(ensureTls(directory, servers, start), /Restore them from a copy, or delete both/);
});
