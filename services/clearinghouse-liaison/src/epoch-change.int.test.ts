// Commands that an activation overtakes, against the liaison's own database: what a person carries is closed, its late answer is told
// as such, and CALs that inventory refused go back in the epoch in force.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, beforeEach, test } from 'node:test';
import type { DatabaseSync } from 'node:sqlite';
import { ANSWER_TYP, KEY_PACK_TYP } from '@calbus/contracts/clearinghouse';
import type { AgreementReference, Purchase } from '@calbus/contracts/purchases';
import { formatOfflineFile } from '@calbus/contracts/offline-file';
import { liaisonImport } from '@calbus/contracts/offline-exchange-messages';
import type { ClearinghouseMethod } from '@calbus/contracts/liaison-messages';
import { newId } from '@calbus/runtime/ids';
import { createLog } from '@calbus/runtime/log';
import { openSqlite } from '@calbus/runtime/sqlite';
import { openSigner } from './adapters/license-server-key.ts';
import { schema } from './adapters/schema.ts';
import { sqliteStore } from './adapters/sqlite-store.ts';
import type { Command, CommandRequest } from './domain/command.ts';
import { handleAnswer } from './handlers/clearinghouse-answer.ts';
import { importAnswer } from './handlers/offline-exchange.ts';
import { returnRefusedPacks } from './handlers/pack-returns.ts';
import { deliverAnswers } from './handlers/answer-delivery.ts';
import { epochOf } from './handlers/clone-detection.ts';
import { acceptCommand } from './handlers/command-intake.ts';
import type { AnswerResult, Inventory, RecordOutcome, Signer, Store } from './ports.ts';
import { newVendor } from '@calbus/test-support/clearinghouse-liaison/vendor-keys';

const SERVER = 'S'.repeat(35);
const SECRET = 'a deployment secret';
const dir = mkdtempSync(path.join(tmpdir(), 'calbus-overtaken-'));
const vendor = await newVendor('Vendor');
const contact = { firstName: 'Ada', lastName: 'Example', company: 'Example Ltd', country: 'GB' };
const paper: AgreementReference = { program: 'select', agreementNumber: '1234567' };
const bought: Purchase = {
  program: 'select',
  agreementNumber: '1234567',
  version: '2003',
  mode: 'per-device',
  quantity: 2,
};
const packOf = (letter: string): string => letter.repeat(35);

let db: DatabaseSync;
let store: Store;
let signer: Signer;
/** What inventory has recorded, and the key packs that it refuses. */
let recorded: string[];
let refusing: Set<string>;

const record = async (answered: AnswerResult): Promise<RecordOutcome> => {
  const packs = answered.kind === 'recovered' ? answered.packs : [answered];
  for (const p of packs) {
    if (!('keyPack' in p)) continue;
    if (refusing.has(p.keyPackId))
      return { kind: 'refused', code: 'KEY_PACK_REJECTED', says: 'of version 2025' };
    recorded.push(p.keyPackId);
  }
  return { kind: 'accepted' };
};
const inventory: Inventory = {
  head: () => ({
    replica: 'r',
    generation: 'g',
    sequence: 1,
    hash: '0'.repeat(64),
    term: 1,
    time: 1,
    trustRevision: 1,
  }),
  serverVersion: async () => '2025',
  withhold: async () => ({ kind: 'accepted' }),
  record: (_term, _command, answered) => record(answered),
};

beforeEach(async () => {
  db = openSqlite(path.join(dir, `${newId()}.sqlite`), schema);
  signer = await openSigner(db, SECRET, Date.now());
  store = sqliteStore(db, SECRET);
  recorded = [];
  refusing = new Set();
});
after(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const taking = () => ({ store, signer, inventory, now: Date.now, onAccepted: () => {} });
const ask = (request: CommandRequest, road: ClearinghouseMethod = 'automatic'): string => {
  const commandId = newId();
  const { contract } = acceptCommand(taking(), { commandId, by: 'ada', road }, request);
  assert.equal(contract.type, 'liaison.taken');
  return commandId;
};
const signed = (commandId: string, type: string, body: object): string =>
  vendor.sign(ANSWER_TYP, {
    id: newId(),
    version: 1,
    issuedAt: Date.now(),
    commandId,
    productId: store.productId,
    type,
    body,
  });
const told = (commandId: string, type: string, body: object): string => {
  const outcome = handleAnswer(
    { store, signer, root: vendor.rootPem, now: Date.now },
    Buffer.from(signed(commandId, type, body)),
  );
  return outcome.kind === 'applied' ? outcome.state : outcome.kind;
};
const activated = async (commandId: string, epoch: number): Promise<void> => {
  const chain = [await vendor.certify(SERVER, signer.nextPublicX() ?? signer.publicX())];
  assert.equal(told(commandId, 'activated', { serverId: SERVER, epoch, chain }), 'answered');
};
const reactivate: CommandRequest = { kind: 'reactivate', reason: 'redeployed', paper, serverId: SERVER };
const keyPack = (keyPackId: string, epoch: number): string => {
  const claims = { version: 1, keyPackId, serverId: SERVER, epoch, issuedAt: 1, purchase: bought };
  return vendor.sign(KEY_PACK_TYP, claims);
};
/** One round of what the liaison does with inventory. */
const round = async (): Promise<void> => {
  const log = createLog('test', 'silent');
  await deliverAnswers({ store, inventory, keysPublished: async () => {}, now: Date.now, log });
  returnRefusedPacks(taking());
};
const stateOf = (commandId: string): Command['state'] =>
  store.command(commandId)?.state ?? assert.fail('no such command');
const backs = (): unknown[] => store.packReturns().map((c) => [c.road, c.state.state, epochOf(c)]);

test('what a person carries is closed by an activation and says what to do; its late answer is told as such', async () => {
  const late = ask({ kind: 'activate', contact }, 'telephone');
  await activated(ask({ kind: 'activate', contact }), 1);
  assert.match(JSON.stringify(stateOf(late)), /WRONG_EPOCH.*activated in another way.*Nothing is left to do/);

  const install = ask({ kind: 'install', purchase: bought }, 'web');
  store.markPrepared(install);
  const code = 'ABCDE'.repeat(5);
  const retail = ask({ kind: 'install', purchase: { program: 'retail', code } }, 'telephone');
  const recover = ask({ kind: 'recover', paper }, 'telephone');
  const change: CommandRequest = {
    kind: 'change-pack',
    keyPackId: packOf('P'),
    quantity: 1,
    to: 'agreement',
  };
  const carried = ask(change, 'web');
  store.markPrepared(carried);
  await activated(ask(reactivate, 'telephone'), 2);

  for (const id of [install, retail])
    assert.match(JSON.stringify(stateOf(id)), /WRONG_EPOCH.*calbus recover brings.*if not, ask again/);
  assert.match(JSON.stringify(stateOf(recover)), /WRONG_EPOCH.*Ask again/);
  assert.equal(store.command(retail)?.jws, '', 'the statement with the license code is forgotten');
  // Only its answer says whether the withheld CALs are gone.
  assert.equal(stateOf(carried).state, 'held');
  assert.equal(told(carried, 'rejected', { reason: 'WRONG_EPOCH', says: 'Too late.' }), 'answered');

  const text = formatOfflineFile(
    'answer',
    [],
    signed(install, 'key-pack', { keyPack: keyPack(packOf('K'), 1) }),
  );
  const { contract, body } = await importAnswer(
    { store, signer, root: vendor.rootPem, now: Date.now, onApplied: () => assert.fail('applied') },
    {
      type: liaisonImport.type,
      version: 1,
      id: newId(),
      sentAt: 1,
      correlationId: 'c',
      causationId: null,
      body: { answer: { as: 'file', text } },
    },
  );
  assert.equal(contract.type, 'liaison.not-carried');
  assert.match(JSON.stringify(body), /OVERTAKEN.*calbus recover brings/);
  assert.deepEqual(store.keyPacks(), []);
});

test('a key pack that inventory refuses while a reactivation is open goes back in the new epoch', async () => {
  await activated(ask({ kind: 'activate', contact }), 1);
  const id = ask({ kind: 'install', purchase: bought });
  const anew = ask(reactivate, 'web');
  refusing.add(packOf('K'));
  told(id, 'key-pack', { keyPack: keyPack(packOf('K'), 1) });
  await round();
  assert.equal(stateOf(id).state, 'rejected');
  assert.deepEqual(backs(), [], 'nothing is taken before the reactivation is answered');
  await activated(anew, 2);
  await round();
  await round();
  assert.deepEqual(backs(), [['automatic', 'waiting', 2]]);
});

test('a give-back that a reactivation overtakes is asked anew, once; a recovery meanwhile does not install its key pack', async () => {
  await activated(ask({ kind: 'activate', contact }), 1);
  const id = ask({ kind: 'install', purchase: bought }, 'web');
  store.markPrepared(id);
  refusing.add(packOf('K'));
  told(id, 'key-pack', { keyPack: keyPack(packOf('K'), 1) });
  await round();
  assert.deepEqual(backs(), [['web', 'held', 1]]);
  await activated(ask(reactivate), 2);
  await round();
  assert.deepEqual(backs(), [
    ['web', 'rejected', 1],
    ['web', 'held', 2],
  ]);

  // Inventory would take it now; the Clearinghouse is about to take it back.
  refusing = new Set([packOf('L')]);
  const recover = ask({ kind: 'recover', paper });
  const keyPacks = ['K', 'L', 'M'].map((letter) => keyPack(packOf(letter), 2));
  told(recover, 'recovered', { keyPacks });
  await round();
  assert.deepEqual(recorded, [packOf('M')], 'one that is refused holds no other up');
  assert.match(
    JSON.stringify(stateOf(recover)),
    /Of 3 key packs 1 could not be installed. L+: of version 2025/,
  );
  assert.equal(store.packReturns().length, 2, 'what was recovered is kept at the Clearinghouse');

  const [, second] = store.packReturns();
  assert.ok(second);
  told(second.commandId, 'pack-changed', { keyPackId: packOf('K'), quantity: 2, keyPack: null });
  await activated(ask(reactivate), 3);
  await round();
  assert.equal(store.packReturns().length, 2, 'what is back is not given back again');
});

test('refused under the epoch in force, it is not asked again: another copy is the license server', async () => {
  await activated(ask({ kind: 'activate', contact }), 1);
  const id = ask({ kind: 'install', purchase: bought });
  refusing.add(packOf('K'));
  told(id, 'key-pack', { keyPack: keyPack(packOf('K'), 1) });
  await round();
  const [back] = store.packReturns();
  assert.ok(back);
  told(back.commandId, 'rejected', { reason: 'WRONG_EPOCH', says: 'No.' });
  await round();
  assert.equal(store.packReturns().length, 1);
});
