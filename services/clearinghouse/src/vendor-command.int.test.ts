// The vendor's command as a process beside the running service: its output and its effects.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { openSqlite } from '@calbus/runtime/sqlite';
import type { ServiceProcess } from '@calbus/test-support/service-process';
import { newKeyPair } from '@calbus/licenses/certificates';
import { openJws } from '@calbus/licenses/jws';
import { schema } from './adapters/schema.ts';
import {
  signedCommand,
  assertUsageError,
  startClearinghouseHarness,
  purchase,
  rejectionReason,
  type CommandResult,
  type ClearinghouseHarness,
  type FakeLicenseServer,
} from '@calbus/test-support/clearinghouse/harness';

let scene: ClearinghouseHarness;
let service: ServiceProcess;
before(async () => {
  scene = await startClearinghouseHarness(['v1', 'v2', 'v3', 'v4', 'v5']);
  service = await scene.start();
});
after(async () => {
  await service?.stop();
  await scene?.[Symbol.asyncDispose]();
});

const text = (...args: readonly string[]): string => {
  const { code, stdout, stderr } = scene.vendor(...args);
  assert.equal(code, 0, stderr);
  return stdout;
};
const grouped = (id: string): string => id.replaceAll(/(.{5})(?=.)/g, '$1-');
const serverLines = z.array(
  z.object({
    serverId: z.string(),
    standing: z.string(),
    epoch: z.int(),
    user: z.string(),
    cloneAt: z.int().nullable(),
    cals: z.int(),
  }),
);
const serverLine = (s: FakeLicenseServer) => {
  const line = serverLines.parse(scene.asVendor('servers')).find((l) => l.serverId === s.serverId);
  return line ?? assert.fail(`no line for ${s.serverId}`);
};
const covers = z.array(
  z.object({
    agreementNumber: z.string(),
    covers: z.array(z.object({ mode: z.string(), quantity: z.int(), issued: z.int(), left: z.int() })),
  }),
);
const left = (agreementNumber: string, mode = 'per-device'): number | undefined =>
  covers
    .parse(scene.asVendor('agreements', 'list'))
    .find((a) => a.agreementNumber === agreementNumber)
    ?.covers.find((c) => c.mode === mode)?.left;

describe("the vendor's command", () => {
  test('enters and changes agreements, and does not lower them below the issued CALs', async () => {
    const s = await scene.licenseServer('v1');
    await scene.activate(s);
    const at = path.join(scene.dir, 'agreement.json');
    const enter = (quantity: number, company = 'Example Ltd'): CommandResult => {
      const covered = [{ version: '2003', mode: 'per-device', quantity }];
      writeFileSync(
        at,
        JSON.stringify({ program: 'select', agreementNumber: '1111111', company, covers: covered }),
      );
      return scene.vendor('agreements', 'add', at);
    };
    assert.match(enter(4).stdout, /Agreement select 1111111 added\./);
    assert.match(enter(4).stdout, /nothing changed/);
    assert.equal(
      rejectionReason(await scene.request(s, signedCommand(s, 'install', purchase('1111111', 3)))),
      'key-pack',
    );
    // The running service sees the new entry.
    assert.match(enter(6, 'Example & Sons').stdout, /changed/);
    assert.equal(
      rejectionReason(await scene.request(s, signedCommand(s, 'install', purchase('1111111', 3)))),
      'key-pack',
    );
    assertUsageError(
      enter(5),
      /6 CALs \(2003, per-device\) were issued on this agreement already; it cannot cover fewer/,
      'lowered',
    );
    assert.match(
      text('agreements', 'list'),
      /select\s+1111111\s+Example & Sons\s+2003\s+per-device\s+6\s+6\s+0/,
    );
    assert.match(
      text('servers'),
      new RegExp(`${grouped(s.serverId)}\\s+active\\s+1\\s+${s.productId}\\s+v1 .* 6 in 2`),
    );
    assert.equal(text('packs').trim().split('\n').length, 3);
  });

  test('makes codes, reveals one only on request, and shows its user', async () => {
    const s = await scene.licenseServer('v2');
    await scene.activate(s);
    const made = ['--cal-version', '2003', '--mode', 'per-device', '--quantity', '2'];
    const [first] = z
      .array(z.object({ number: z.int(), code: z.string(), quantity: z.int() }))
      .parse(scene.asVendor('codes', 'generate', ...made, '--count', '1'));
    assert.ok(first);
    assert.match(first.code, /^([A-HJ-NP-Z2-9]{5}-){4}[A-HJ-NP-Z2-9]{5}$/);
    const out = path.join(scene.dir, 'codes.txt');
    assert.match(text('codes', 'generate', ...made, '--count', '3', '--out', out), /3 codes written to /);
    assert.equal(statSync(out).mode & 0o777, 0o600);
    assert.equal(readFileSync(out, 'utf8').trim().split('\n').length, 3);
    assertUsageError(
      scene.vendor('codes', 'generate', ...made, '--count', '1', '--out', out),
      / exists\. Name a new file/,
      'twice',
    );

    const number = String(first.number);
    assert.ok(!text('codes', 'list').includes(first.code));
    assert.ok(!text('codes', 'show', number).includes(first.code));
    assert.ok(!JSON.stringify(scene.asVendor('codes', 'show', number)).includes(first.code));
    assert.ok(text('codes', 'show', number, '--reveal').includes(first.code));

    const code = first.code.replaceAll('-', '');
    const use = async () =>
      rejectionReason(await scene.request(s, signedCommand(s, 'install', { program: 'retail', code })));
    const a = await scene.request(s, signedCommand(s, 'install', { program: 'retail', code }));
    assert.ok(a.type === 'key-pack', rejectionReason(a));
    const { keyPackId, purchase: bought } = scene.readPack(a.body.keyPack);
    assert.deepEqual(bought, {
      program: 'retail',
      agreementNumber: `CODE-${number}`,
      version: '2003',
      mode: 'per-device',
      quantity: 2,
    });
    assert.equal(await use(), 'CODE_ALREADY_USED');
    assert.match(text('codes', 'show', number), new RegExp(grouped(s.serverId)));
    const back = (quantity: number) =>
      scene.request(s, signedCommand(s, 'change-pack', { keyPackId, quantity, to: 'agreement' }));
    assert.equal(rejectionReason(await back(1)), 'pack-changed');
    assert.equal(await use(), 'CODE_ALREADY_USED');
    assert.equal(rejectionReason(await back(1)), 'pack-changed');
    assert.equal(await use(), 'key-pack');

    // No code can be shown without the secret; another secret would make other codes of the same numbers.
    const secret = path.join(scene.dataDir, 'keys', 'codes.secret');
    renameSync(secret, `${secret}.away`);
    assertUsageError(
      scene.vendor('codes', 'show', number, '--reveal'),
      /codes.secret is missing/,
      'no secret',
    );
    assertUsageError(
      scene.vendor('codes', 'generate', ...made, '--count', '1'),
      /codes.secret is missing/,
      'no secret',
    );
    await assert.rejects(scene.start(), /codes.secret is missing/);
    assert.ok(!existsSync(secret));
    renameSync(`${secret}.away`, secret);
  });

  test('changes the signing key of the running service; earlier signatures stay valid', async () => {
    const s = await scene.licenseServer('v3');
    await scene.activate(s);
    scene.sell('3333333', 9);
    const order = signedCommand(s, 'install', purchase('3333333', 1));
    const signer = (jws: string): string =>
      z.object({ x5c: z.array(z.string()) }).parse(openJws(jws)?.header).x5c[0] ?? '';
    await s.put(order);
    const before = await s.next();
    const names = z.array(z.object({ name: z.string(), current: z.boolean() }));
    const [only, ...none] = names.parse(scene.asVendor('keys', 'list'));
    assert.deepEqual([only?.name, only?.current, none], ['signing.pem', true, []]);
    const told = z.object({ name: z.string() }).parse(scene.asVendor('keys', 'rotate'));
    const listed = names.parse(scene.asVendor('keys', 'list'));
    assert.deepEqual(
      listed.map((k) => [k.name, k.current]),
      [
        [told.name, true],
        ['signing.pem', false],
      ],
    );
    assert.match(text('keys', 'list'), /signing\.pem .* no more/);
    assert.equal(statSync(path.join(scene.dataDir, 'keys', told.name)).mode & 0o777, 0o600);

    await s.put(signedCommand(s, 'install', purchase('3333333', 1)));
    const next = await s.next();
    assert.notEqual(signer(next), signer(before));
    for (const jws of [before, next]) {
      const a = scene.read(jws);
      assert.ok(a.type === 'key-pack');
      scene.readPack(a.body.keyPack);
    }
    assert.ok(service.isRunning());
    // Earlier answers are repeated unchanged.
    await s.put(order);
    assert.equal(await s.next(), before);
  });

  test('gives a license server another account, which keeps the earlier answers', async () => {
    const [s, other] = [await scene.licenseServer('v4'), await scene.licenseServer('v5')];
    await scene.activate(s);
    scene.sell('4444444', 5);
    const order = signedCommand(s, 'install', purchase('4444444', 2));
    await s.put(order);
    const answer = await s.next();
    assert.match(
      text('account', grouped(s.serverId).toLowerCase(), 'v5'),
      /is known under the account v5 from now on/,
    );
    assert.equal(serverLine(s).user, 'v5');
    await other.put(order);
    assert.equal(await other.next(), answer);
    const more = signedCommand(s, 'install', purchase('4444444', 1));
    assert.equal(rejectionReason(await scene.request(s, more)), 'WRONG_SENDER');
    assert.equal(
      rejectionReason(await scene.request(other, signedCommand(s, 'install', purchase('4444444', 1)))),
      'key-pack',
    );
    assert.equal(left('4444444'), 2);
    assert.deepEqual(scene.asVendor('account', s.serverId, 'v4'), {
      result: 'moved',
      serverId: s.serverId,
      account: 'v4',
    });
    assert.equal(
      rejectionReason(await scene.request(s, signedCommand(s, 'install', purchase('4444444', 1)))),
      'key-pack',
    );
  });

  test('retires a license server permanently, and returns its CALs only on request', async () => {
    const s = await scene.licenseServer('v5');
    await scene.activate(s);
    scene.sell('5555555', 5);
    assert.equal(
      rejectionReason(await scene.request(s, signedCommand(s, 'install', purchase('5555555', 4)))),
      'key-pack',
    );
    assertUsageError(scene.vendor('retire', s.serverId), /Nothing was changed/, 'without --yes');
    assert.equal(serverLine(s).standing, 'active');
    assert.match(
      text('retire', s.serverId, '--yes'),
      /is retired\. .* Its CALs stay issued\. --release-cals/,
    );
    assert.deepEqual([serverLine(s).standing, serverLine(s).cals, left('5555555')], ['retired', 4, 1]);
    const paper = { program: 'select', agreementNumber: '5555555' };
    assert.equal(
      rejectionReason(await scene.request(s, signedCommand(s, 'install', purchase('5555555', 1)))),
      'RETIRED',
    );
    assert.equal(
      rejectionReason(
        await scene.request(
          s,
          signedCommand(s, 'activate', {
            contact: { firstName: 'A', lastName: 'B', company: 'C', country: 'GB' },
          }),
        ),
      ),
      'RETIRED',
    );
    const fresh = newKeyPair();
    assert.equal(
      rejectionReason(
        await scene.request(s, signedCommand(s, 'reactivate', { reason: 'redeployed', paper }, {}, fresh)),
      ),
      'RETIRED',
    );
    assert.deepEqual(scene.asVendor('retire', grouped(s.serverId), '--yes', '--release-cals'), {
      result: 'retired',
      serverId: s.serverId,
      calsReleased: 4,
    });
    assert.deepEqual([serverLine(s).cals, left('5555555')], [0, 5]);
    assert.match(
      text('retire', s.serverId, '--yes', '--release-cals'),
      /0 CALs are back on their agreements/,
    );
    assert.equal(left('5555555'), 5);
  });

  test('opens registers of every earlier release, and refuses one of a later release', () => {
    const dataDir = path.join(scene.dir, 'older');
    const chain = '["pem"]';
    const contact = '{"firstName":"Ada","lastName":"Example","company":"Example Ltd","country":"GB"}';
    for (let version = 1; version <= schema.length; version += 1) {
      const at = path.join(dataDir, String(version));
      mkdirSync(at, { recursive: true });
      const db = openSqlite(path.join(at, 'clearinghouse.sqlite'), schema.slice(0, version));
      db.exec(`
        INSERT INTO agreements VALUES ('select', '1234567', 'Example Ltd', 1);
        INSERT INTO covers (program, number, version, mode, quantity, issued) VALUES ('select', '1234567', '2003', 'per-device', 5, 3);
        INSERT INTO servers (product_id, user, key, server_id, epoch, chain, contact, activated_at, last_sequence)
          VALUES ('AAAAA-BBBBB-CCCCC-DDDDD', 'ls1', 'k', '${'S'.repeat(35)}', 1, '${chain}', '${contact}', 7, 2);
        INSERT INTO packs (key_pack_id, server_id, epoch, command_id, program, number, version, mode, quantity, issued_at)
          VALUES ('${'P'.repeat(35)}', '${'S'.repeat(35)}', 1, 'c', 'select', '1234567', '2003', 'per-device', 3, 8);
        INSERT INTO answers (user, command_id, hash, answer, answered_at) VALUES ('ls1', 'c', 'h', 'a', 8);
      `);
      db.close();
      const where = ['--data', at];
      const [server] = serverLines.parse(scene.asVendor('servers', ...where));
      assert.deepEqual(
        [server?.standing, server?.cloneAt, server?.cals],
        ['active', null, 3],
        `version ${version}`,
      );
      const [agreement] = covers.parse(scene.asVendor('agreements', 'list', ...where));
      assert.deepEqual(agreement?.covers, [{ mode: 'per-device', quantity: 5, issued: 3, left: 2 }]);
      const ran = scene.vendor('retire', 'S'.repeat(35), '--yes', '--release-cals', ...where);
      assert.match(ran.stdout, /3 CALs are back/);
    }
    const later = path.join(dataDir, String(schema.length));
    const db = openSqlite(path.join(later, 'clearinghouse.sqlite'), schema);
    db.exec(`PRAGMA user_version = ${schema.length + 1}`);
    db.close();
    assertUsageError(
      scene.vendor('servers', '--data', later),
      /made by a later release of calbus/,
      'a later one',
    );
    const corrupted = path.join(dataDir, 'corrupted');
    mkdirSync(corrupted);
    writeFileSync(path.join(corrupted, 'clearinghouse.sqlite'), 'not a database'.repeat(100));
    assertUsageError(scene.vendor('servers', '--data', corrupted), /not a database/, 'no database');
  });
});
