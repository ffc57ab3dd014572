// The vendor's site: RabbitMQ and the Clearinghouse, in the present, whatever time the license servers live in. It takes longest to
// start, so all row files of one run share it, each as a license server of its own: this module is the runner's global setup. A
// file that is run without it starts one for itself.

import { randomBytes } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Purchase, PurchaseAgreement } from '@calbus/contracts/purchases';
import { productVersions } from '@calbus/contracts/versions';
import { startRabbitmq } from '@calbus/local/servers/rabbitmq';
import { repositoryRoot } from '@calbus/local/repository';
import { startService } from '@calbus/test-support/service-process';
import { rabbitDefinitions } from '../../../deploy/rabbitmq/definitions.ts';
import { runMain } from '../../support/command.ts';

const here = import.meta.dirname;
const variable = 'VENDOR_SITE_OF_TESTS';
const program = 'select';
const agreementNumber = '1234567';

/** What a license server is told of the vendor. */
export type VendorFacts = {
  readonly rabbitmqUrl: string;
  readonly passwordFile: string;
  readonly rootFile: string;
  /** Where services may keep what they are compiled to: they start again and again. */
  readonly compiledDir: string;
};
type VendorSite = { readonly facts: VendorFacts; readonly [Symbol.asyncDispose]: () => Promise<void> };

/** CALs as they are bought on the one agreement, which covers more than any test needs. */
export const purchaseOf = (cals: Pick<Purchase, 'version' | 'mode' | 'quantity'>): Purchase => ({
  program,
  agreementNumber,
  ...cals,
});

/** The account of the license server of a test file, by the file's name. */
export const accountOf = (file: string): string => path.basename(file).split('.')[0] ?? '';

/** Of tests that need time to pass and are told elsewhere. */
const accountsElsewhere = ['rdp-gateway-12', 'rdp-gateway-13'] as const;

const agreement: PurchaseAgreement = {
  program,
  agreementNumber,
  company: 'Example Ltd',
  covers: productVersions.flatMap((version) => [
    { version, mode: 'per-device', quantity: 100_000 },
    { version, mode: 'per-user', quantity: 100_000 },
  ]),
};

const startVendorSite = async (): Promise<VendorSite> => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-vendor-'));
  const undo: (() => Promise<unknown>)[] = [async () => rmSync(dir, { recursive: true, force: true })];
  const dispose = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const passwordFile = path.join(dir, 'password');
    const password = randomBytes(16).toString('hex');
    writeFileSync(passwordFile, password);
    const clearinghouse = 'clearinghouse';
    const accounts = [...globSync('*.flow.test.ts', { cwd: here }).map(accountOf), ...accountsElsewhere];
    const licenseServers = accounts.map((user) => ({ user, password }));
    const rabbitmq = await startRabbitmq({
      dataDir: path.join(dir, 'rabbitmq'),
      definitions: rabbitDefinitions({ clearinghouse: { user: clearinghouse, password }, licenseServers }),
    });
    undo.push(rabbitmq.stop);
    const dataDir = path.join(dir, clearinghouse);
    const service = await startService({
      main: path.join(repositoryRoot, 'services/clearinghouse/src/main.ts'),
      env: {
        CALBUS_DATA_DIR: dataDir,
        CALBUS_RABBITMQ_URL: rabbitmq.url,
        CALBUS_RABBITMQ_USER: clearinghouse,
        CALBUS_RABBITMQ_PASSWORD_FILE: passwordFile,
      },
      ready: /"state":"(started|ready)"/,
    });
    undo.push(service.stop);
    const papers = path.join(dir, 'agreement.json');
    writeFileSync(papers, JSON.stringify(agreement));
    const args = ['agreements', 'add', papers, '--data', dataDir];
    const added = await runMain('services/clearinghouse/src/cli/main.ts', args);
    if (added.code !== 0) throw new Error(added.stderr);
    const rootFile = path.join(dataDir, 'root.pem');
    return {
      facts: { rabbitmqUrl: rabbitmq.url, passwordFile, rootFile, compiledDir: path.join(dir, 'compiled') },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
};

/** The site of this run of the tests, or one for this file alone. */
export const vendorSite = async (): Promise<VendorSite> => {
  const shared = process.env[variable];
  if (shared === undefined) return await startVendorSite();
  const facts = JSON.parse(readFileSync(shared, 'utf8')) as VendorFacts;
  return { facts, [Symbol.asyncDispose]: async () => {} };
};

let shared: VendorSite | undefined;

/** The runner's, before the first file. */
export const globalSetup = async (): Promise<void> => {
  shared = await startVendorSite();
  const file = path.join(path.dirname(shared.facts.passwordFile), 'facts.json');
  writeFileSync(file, JSON.stringify(shared.facts));
  process.env[variable] = file;
};

/** The runner's, after the last file. */
export const globalTeardown = async (): Promise<void> => {
  await shared?.[Symbol.asyncDispose]();
};
