// The archive of the earlier release holds what the release's commit holds.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { blobsInHistory, tarFromArchive, tarFromHistory, unpackTar } from './earlier-release.ts';

const blobOf = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');

const filesOf = async (tar: Buffer): Promise<ReadonlyMap<string, string>> => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-archive-'));
  try {
    await unpackTar(tar, dir);
    const entries = globSync('**/*', { cwd: dir, withFileTypes: true }).filter((entry) => entry.isFile());
    const files = entries.map((entry) => path.join(entry.parentPath, entry.name));
    return new Map(files.map((file) => [path.relative(dir, file), blobOf(readFileSync(file))]));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

test('the archive equals the release in the history', async (t) => {
  const tar = await tarFromHistory();
  if (!tar) return t.skip('the history of this checkout does not hold the release');
  const [archived, expected, blobs] = [
    await filesOf(tarFromArchive()),
    await filesOf(tar),
    await blobsInHistory(),
  ];
  assert.deepEqual(archived, expected);
  for (const [file, blob] of archived) assert.equal(blob, blobs.get(file), file);
});
