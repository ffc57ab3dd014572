// The Clearinghouse with its own domain, register and keys, as a function: a command's bytes in, the answer's bytes out. It stays in
// the present while license servers move through time.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { rabbitmqNames } from '@calbus/contracts/rabbitmq-names';
import type { PurchaseAgreement } from '@calbus/contracts/purchases';
import { openSqlite } from '@calbus/runtime/sqlite';
import { cryptoRandom as random } from '../../../services/clearinghouse/src/adapters/crypto-random.ts';
import { openSigner, rootFile } from '../../../services/clearinghouse/src/adapters/key-material.ts';
import { schema } from '../../../services/clearinghouse/src/adapters/schema.ts';
import { sqliteStore } from '../../../services/clearinghouse/src/adapters/store.ts';
import { sqliteVendorAdmin } from '../../../services/clearinghouse/src/adapters/vendor-admin.ts';
import { handleCommand } from '../../../services/clearinghouse/src/handlers/command-handler.ts';

export type Vendor = {
  /** The root certificate in PEM. */
  readonly root: string;
  /** The answer to a command that a license server sent as this account. */
  readonly answer: (account: string, command: string) => Promise<string>;
};

export const openVendor = async (agreement: PurchaseAgreement, now: number): Promise<Vendor> => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'calbus-rules-'));
  const db = openSqlite(':memory:', schema);
  try {
    const signer = await openSigner(dataDir, 'Clearinghouse', false, now);
    sqliteVendorAdmin(db).enter(agreement, now);
    const deps = { store: sqliteStore(db), signer, random, now: () => now };
    return {
      root: readFileSync(rootFile(dataDir), 'utf8'),
      answer: async (user, command) => {
        const bytes = Buffer.from(command);
        const outcome = await handleCommand(deps, {
          bytes,
          user,
          routingKey: rabbitmqNames.commandKey(user),
        });
        if (outcome.kind === 'dead')
          throw new Error(`the Clearinghouse rejects bytes: ${outcome.fault.detail}`);
        return outcome.answer;
      },
    };
  } finally {
    rmSync(dataDir, { recursive: true });
  }
};
