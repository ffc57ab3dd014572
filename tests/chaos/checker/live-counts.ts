// I8: what Redis says at one head is what the fold says there.

import { pools, type Fold } from './fold.ts';
import type { CacheDump } from './history.ts';

type Hash = Readonly<Record<string, string>>;

const texts = (o: Readonly<Record<string, string | number>>): Hash =>
  Object.fromEntries(Object.entries(o).map(([k, v]) => [k, String(v)]));

function* wantedHashes(f: Fold): Generator<[string, Hash]> {
  for (const { version, mode, ...counts } of pools(f)) yield [`cal:pool:${version}:${mode}`, texts(counts)];
  for (const [id, counts] of f.terminalServers) yield [`cal:ts:${id}`, texts(counts)];
  for (const [hardwareId, ids] of f.byDevice) {
    const all = ids.flatMap((id) => f.licenses.get(id) ?? []);
    const held = all.filter((l) => !l.over);
    const of = (kind: string): number => held.filter((l) => l.kind === kind).length;
    const licenses = held.map((l) => ({
      id: l.licenseId,
      kind: l.kind,
      version: l.version,
      notAfter: l.notAfter,
    }));
    const name = all.at(-1)?.deviceName ?? '';
    const rest = { name, temporary: of('temporary'), full: of('full'), licenses: JSON.stringify(licenses) };
    yield [`cal:device:${hardwareId}`, texts(rest)];
  }
}

/** Each key of the dump that is not what the fold says at the dump's own head. */
export const wrongCounts = (f: Fold, dump: CacheDump): string[] => {
  const wrong: string[] = [];
  const { head } = dump;
  const wantedHead: Hash = { generation: f.generation, hash: f.hash, at: String(f.time) };
  for (const [field, value] of Object.entries(wantedHead))
    if (head[field] !== value) wrong.push(`cal:head ${field} is ${head[field] ?? 'missing'}, not ${value}`);
  const wanted = new Map(wantedHashes(f));
  for (const [key, fields] of wanted) {
    const there = dump.hashes.get(key);
    for (const [field, value] of Object.entries(fields))
      if (there?.[field] !== value)
        wrong.push(`${key} ${field} is ${there?.[field] ?? 'missing'}, not ${value}`);
  }
  for (const [key, fields] of dump.hashes) {
    // Nothing counted for a terminal server, or in a pool, is as good as no key.
    const counts = key.startsWith('cal:ts:') || key.startsWith('cal:pool:');
    const nothing = counts && Object.values(fields).every((v) => v === '0');
    if (!wanted.has(key) && !nothing) wrong.push(`${key} should not be there`);
  }
  return wrong;
};
