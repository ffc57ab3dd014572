// RabbitMQ over TLS: the Clearinghouse's process against a real RabbitMQ with certificates of this test.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import 'reflect-metadata'; // @peculiar/x509 expects it
import * as x509 from '@peculiar/x509';
import { freePorts } from '@calbus/local/ports';
import { repositoryRoot } from '@calbus/local/repository';
import { startService, type ServiceProcess } from '@calbus/test-support/service-process';
import { testRabbitmq, type TestRabbitmq } from '@calbus/test-support/servers';
import { rabbitDefinitions } from './definitions.ts';

const DAY = 86_400_000;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

const pemOf = async (key: webcrypto.CryptoKey): Promise<string> =>
  x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');

type Authority = { readonly pem: string; readonly keys: webcrypto.CryptoKeyPair; readonly name: string };

const authority = async (name: string): Promise<Authority> => {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 9 * DAY),
    notAfter: new Date(Date.now() + DAY),
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return { pem: certificate.toString('pem'), keys, name: `CN=${name}` };
};

const certify = async (by: Authority, name: string, notAfter: number) => {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: by.name,
    publicKey: keys.publicKey,
    signingKey: by.keys.privateKey,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 8 * DAY),
    notAfter: new Date(notAfter),
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  return { certificate: certificate.toString('pem'), key: await pemOf(keys.privateKey) };
};

x509.cryptoProvider.set(webcrypto);
const dir = mkdtempSync(path.join(tmpdir(), 'calbus-amqps-'));
const file = (name: string, content: string): string => {
  writeFileSync(path.join(dir, name), content, { mode: 0o600 });
  return path.join(dir, name);
};

const ours = await authority('Ours');
const others = await authority('Others');
const [port = 0] = await freePorts(1);
const running: ServiceProcess[] = [];
let rabbitmq: TestRabbitmq;

const certified = async (notAfter: number) => {
  const { certificate, key } = await certify(ours, 'localhost', notAfter);
  return { certificateFile: file('server.pem', certificate), keyFile: file('server.key', key) };
};

before(async () => {
  rabbitmq = await testRabbitmq({
    definitions: rabbitDefinitions({
      clearinghouse: { user: 'clearinghouse', password: 'vendor-pw' },
      licenseServers: [],
    }),
    tls: { port, caFile: file('ours.pem', ours.pem), ...(await certified(Date.now() + DAY)) },
  });
});
after(async () => {
  for (const service of running) await service.kill();
  await rabbitmq?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const start = async (host: string, ready: RegExp, env: Record<string, string>): Promise<ServiceProcess> => {
  const service = await startService({
    main: path.join(repositoryRoot, 'services/clearinghouse/src/main.ts'),
    ready,
    env: {
      CALBUS_DATA_DIR: path.join(dir, 'clearinghouse'),
      CALBUS_RABBITMQ_URL: `amqps://${host}:${port}`,
      CALBUS_RABBITMQ_USER: 'clearinghouse',
      CALBUS_RABBITMQ_PASSWORD_FILE: file('password', 'vendor-pw'),
      ...env,
    },
  });
  running.push(service);
  return service;
};
const CONNECTED = /RabbitMQ: connected/;

/** Starts the process, waits for the sentence, and checks that there is no connection. */
const refuses = async (host: string, sentence: RegExp, env: Record<string, string>): Promise<void> => {
  const service = await start(host, sentence, env);
  await service.kill();
  assert.doesNotMatch(service.stdout() + service.stderr(), CONNECTED);
};

describe('RabbitMQ over TLS', () => {
  const trusting = { CALBUS_RABBITMQ_CA_FILE: path.join(dir, 'ours.pem') };

  test('connects if the authority issued the certificate and it names the host', async () => {
    await start('localhost', CONNECTED, trusting);
  });

  test('presents its own certificate if it has one', async () => {
    const { certificate, key } = await certify(ours, 'clearinghouse', Date.now() + DAY);
    const own = {
      CALBUS_RABBITMQ_CERTIFICATE_FILE: file('client.pem', certificate),
      CALBUS_RABBITMQ_KEY_FILE: file('client.key', key),
    };
    await start('localhost', CONNECTED, { ...trusting, ...own });
  });

  test('another authority: no connection, and the log says why', async () => {
    const wrong = { CALBUS_RABBITMQ_CA_FILE: file('others.pem', others.pem) };
    await refuses('localhost', /not under the authority in CALBUS_RABBITMQ_CA_FILE/, wrong);
    await refuses('localhost', /not under the authority/, {});
  });

  test('another host: no connection, and the log says why', async () => {
    await refuses('127.0.0.1', /names another host than CALBUS_RABBITMQ_URL/, trusting);
  });

  test('out of date: no connection, and the log says why', async () => {
    for (const service of running.splice(0)) await service.kill();
    await certified(Date.now() - DAY);
    await rabbitmq.restart();
    await refuses('localhost', /certificate is out of date/, trusting);
  });

  test('a file without a certificate is refused before the process connects', async () => {
    await assert.rejects(
      start('localhost', CONNECTED, { CALBUS_RABBITMQ_CA_FILE: file('none.pem', 'nothing') }),
      /CALBUS_RABBITMQ_CA_FILE: must hold a certificate in PEM/,
    );
  });
});
