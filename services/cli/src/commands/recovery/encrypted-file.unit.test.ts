import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '@calbus/operator-client/problem';
import { openEncrypted, writeEncrypted } from './encrypted-file.ts';

const PASSPHRASE = 'correct horse battery';
/** What does not get smaller: several pieces. */
const lines = Array.from({ length: 400 }, () => randomBytes(6_000).toString('base64'));

let dir: string;
let file: string;
let bytes: Buffer;
before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'calbus-encrypted-'));
  file = path.join(dir, 'whole');
  await writeEncrypted(file, PASSPHRASE, each(lines));
  bytes = readFileSync(file);
});
after(() => rmSync(dir, { recursive: true }));

async function* each(all: readonly string[]): AsyncGenerator<string> {
  for (const line of all) {
    await Promise.resolve();
    yield `${line}\n`;
  }
}
const read = async (of: Uint8Array, passphrase = PASSPHRASE): Promise<string[]> => {
  const copy = path.join(dir, 'copy');
  writeFileSync(copy, of);
  const found: string[] = [];
  for await (const line of (await openEncrypted(copy, passphrase)).lines()) found.push(line);
  return found;
};
const problem = (code: string) => (error: unknown) => error instanceof Problem && error.code === code;
/** Where each piece begins. */
const pieces = (): number[] => {
  const found: number[] = [];
  for (let at = bytes.indexOf('\n') + 1; at < bytes.length;) {
    found.push(at);
    at += 4 + (bytes.readUInt32BE(at) % 0x8000_0000) + 16;
  }
  return found;
};

test('what was written is read, as often as it is asked for; reading may stop early', async () => {
  assert.ok(pieces().length > 2);
  assert.deepEqual(await read(bytes), lines);
  const sealed = await openEncrypted(file, PASSPHRASE);
  for await (const line of sealed.lines()) {
    assert.equal(line, lines[0]);
    break;
  }
  // What tears apart behind it would end the process.
  await sleep(50);
  const again: string[] = [];
  for await (const line of sealed.lines()) again.push(line);
  assert.equal(again.length, lines.length);
});

test('a bit that was changed anywhere is found', async () => {
  const places = [...pieces().flatMap((at) => [at, at + 4]), bytes.length - 1];
  for (const at of places) {
    const altered = Buffer.from(bytes);
    altered[at] = (altered[at] ?? 0) ^ 4;
    await assert.rejects(read(altered), problem('BACKUP_DAMAGED'), `at ${at}`);
  }
  const salt = Buffer.from(bytes);
  const at = salt.indexOf('"salt":"') + 8;
  salt[at] = salt[at] === 0x61 ? 0x62 : 0x61;
  await assert.rejects(read(salt), problem('WRONG_PASSPHRASE'));
});

test('a file that was cut off, also between two pieces, whose pieces changed places, or that goes on is found', async () => {
  const [first = 0, second = 0, third = 0] = pieces();
  for (const end of [bytes.length - 1, third, third + 2, second, first])
    await assert.rejects(read(bytes.subarray(0, end)), problem('BACKUP_DAMAGED'), `cut off at ${end}`);
  const swapped = [bytes.subarray(0, first), bytes.subarray(second, third), bytes.subarray(first, second)];
  await assert.rejects(read(Buffer.concat([...swapped, bytes.subarray(third)])), problem('BACKUP_DAMAGED'));
  await assert.rejects(read(Buffer.concat([bytes, Buffer.from('more!')])), problem('BACKUP_DAMAGED'));
});

test('another passphrase, no backup, and memory beyond measure are refused', async () => {
  await assert.rejects(read(bytes, 'another passphrase'), problem('WRONG_PASSPHRASE'));
  await assert.rejects(read(Buffer.from('PK\u0003\u0004')), problem('NO_BACKUP'));
  const header = bytes.subarray(0, bytes.indexOf('\n')).toString();
  await assert.rejects(
    read(Buffer.from(`${header.replace('131072', '1073741824')}\n`)),
    problem('NO_BACKUP'),
  );
});

test('what cannot be finished leaves no file', async () => {
  const half = path.join(dir, 'half');
  async function* breaks(): AsyncGenerator<string> {
    yield 'a line\n';
    await Promise.resolve();
    throw new Problem('UNREACHABLE', 'away');
  }
  await assert.rejects(writeEncrypted(half, PASSPHRASE, breaks()), problem('UNREACHABLE'));
  assert.ok(!existsSync(half) && !existsSync(`${half}.part`));
});

test('a backup of a later release is refused as such, also if its header is another one', async () => {
  const later = path.join(dir, 'later');
  writeFileSync(later, `${JSON.stringify({ is: 'calbus backup', format: 2, cipher: 'another' })}\n`);
  await assert.rejects(openEncrypted(later, PASSPHRASE), problem('LATER_VERSION'));
});
