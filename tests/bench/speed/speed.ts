// `npm run bench`: how fast licenses are issued, durable, signed and verified, beside what NATS itself can do and what people build instead.

import { ensureServers } from '@calbus/local/binaries';
import { optionOf, type Benchmark, type Report } from '../benchmark.ts';
import type { Levels, Plan } from './measured.ts';
import { bareOf, measureReferences } from './references.ts';
import { reportOf } from './report.ts';
import type { Size } from './results.ts';
import { atHalfOf, BUSY, issuersOf, levelsOfKind, sizeOf, stormOf, withKinds } from './stages.ts';

const IN_FLIGHT = [1, 64, 256, 1_024] as const;
const BEFORE = 10_000;
/** More than are ever answered in a second, so that no family runs out. */
const MOST_A_SECOND = 8_000;
const AT_HALF = ['new', 'known', 'per user'] as const;

const run = async (options: ReadonlyMap<string, number>, say: (line: string) => void): Promise<Report> => {
  const seconds = optionOf(options, 'seconds');
  const plan: Plan = { inFlight: IN_FLIGHT, seconds, say };
  await ensureServers(['nats-server', 'redis-server', 'rabbitmq-server', 'postgres'], say);
  say('What calbus is measured beside:');
  const references = await measureReferences(plan);
  const family = IN_FLIGHT.length * (seconds + 1) * MOST_A_SECOND;
  const families = { upgrade: family, known: 5_000, renewal: family, refused: 20_000 };
  const measured = await withKinds(families, BEFORE, say, async (site, kinds) => {
    say('Requests:');
    const levels: { name: string; bare: Levels; levels: Levels }[] = [];
    for (const kind of kinds.all) {
      // A machine's speed changes within minutes: NATS itself is measured anew right before each kind.
      const bare = await bareOf(kind.grants, plan);
      // What one kind leaves to be done later is not a cost of the next.
      await site.rested();
      levels.push({ name: kind.name, bare, levels: await levelsOfKind(site, kind, plan) });
    }
    say('At half of that:');
    const atHalf = [];
    for (const name of AT_HALF) {
      const most = levels.find((k) => k.name === name)?.levels.get(BUSY)?.perSecond ?? 0;
      atHalf.push({ name, load: await atHalfOf(kinds.of(name), most, plan) });
    }
    say('More issuers:');
    const issuers = await issuersOf(site, kinds.of('new'), [1, 2, 4], plan);
    const devices = optionOf(options, 'storm');
    if (devices > 0) say('A storm:');
    const storm = devices > 0 ? await stormOf(site, kinds.of('new'), devices, say) : undefined;
    return { kinds: levels, atHalf, issuers, storm };
  });
  const largest = optionOf(options, 'licenses');
  const sizes: Size[] = [];
  for (const licenses of [1_000, 10_000, 100_000, 1_000_000].filter((n) => n <= largest)) {
    say(`With ${licenses.toLocaleString('en')} licenses issued before:`);
    sizes.push(await sizeOf(licenses, plan));
  }
  return reportOf({ references, ...measured, sizes });
};

export const speed: Benchmark = {
  name: 'speed',
  about: 'how fast licenses are issued, beside NATS itself, PostgreSQL and a JetStream KV',
  options: [
    { name: 'seconds', about: 'how long each load is measured', byDefault: 3 },
    { name: 'storm', about: 'devices that come within a minute; 0: no storm', byDefault: 100_000 },
    { name: 'licenses', about: 'of the largest ledger; 0: none of several sizes', byDefault: 1_000_000 },
  ],
  run,
};
