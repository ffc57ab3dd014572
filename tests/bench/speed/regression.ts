// The small benchmark that runs with the tests: a few ratios to bare NATS in the same run, against those recorded. It fails only
// where one is less than half of what it was: machines differ, and so does what else they do.

import { readFileSync, writeFileSync } from 'node:fs';
import { ensureServers } from '@calbus/local/binaries';
import { optionOf, type Benchmark, type Figure } from '../benchmark.ts';
import type { Levels, Plan } from './measured.ts';
import { bareOf } from './references.ts';
import { BUSY, levelsOfKind, withKinds } from './stages.ts';

const recordedFile = new URL('./recorded.json', import.meta.url);
const MEASURED = ['new', 'known', 'per user'] as const;
/** Below this share of what was recorded it is not the machine any more. */
const FAR_OFF = 0.5;
const FAMILIES = { upgrade: 100, known: 5_000, renewal: 100, refused: 100 };
const BEFORE = 1_000;

export type Ratios = Readonly<Record<string, number>>;

export const isFarOff = (ratio: number, recorded: number): boolean => !(ratio >= recorded * FAR_OFF);

const ratioOf = (levels: Levels, bare: Levels): number =>
  (levels.get(BUSY)?.perSecond ?? Number.NaN) / (bare.get(BUSY)?.perSecond ?? Number.NaN);

const farOffIn = (ratios: Ratios, recorded: Ratios): readonly string[] =>
  MEASURED.filter((name) => isFarOff(ratios[name] ?? Number.NaN, recorded[name] ?? Number.NaN));

const measure = (plan: Plan): Promise<Ratios> =>
  withKinds(FAMILIES, BEFORE, plan.say, async (site, kinds) => {
    const ratios: Record<string, number> = {};
    for (const name of MEASURED) {
      const kind = kinds.of(name);
      const bare = await bareOf(kind.grants, plan);
      ratios[name] = ratioOf(await levelsOfKind(site, kind, plan), bare);
    }
    return ratios;
  });

export const regression: Benchmark = {
  name: 'regression',
  about: 'a few ratios to bare NATS; fails where one is less than half of the one recorded',
  options: [
    { name: 'seconds', about: 'how long each load is measured', byDefault: 3 },
    { name: 'record', about: '1: records what is measured', byDefault: 0 },
  ],
  run: async (options, say) => {
    await ensureServers(['nats-server', 'redis-server', 'rabbitmq-server'], say);
    const plan: Plan = { inFlight: [BUSY], seconds: optionOf(options, 'seconds'), say };
    let ratios = await measure(plan);
    if (optionOf(options, 'record') === 1) {
      const kept = Object.fromEntries(
        Object.entries(ratios).map(([name, ratio]) => [name, Number(ratio.toFixed(3))]),
      );
      writeFileSync(recordedFile, `${JSON.stringify(kept, null, 2)}\n`);
    }
    const recorded = JSON.parse(readFileSync(recordedFile, 'utf8')) as Ratios;
    if (farOffIn(ratios, recorded).length > 0) {
      say('Much slower than recorded; once more, in case something else kept the machine busy:');
      ratios = await measure(plan);
    }
    const figures = MEASURED.map((name): Figure => ({
      what: `${name}, ${BUSY} in flight: requests a second, to bare NATS`,
      value: ratios[name] ?? Number.NaN,
      unit: '',
      above: (recorded[name] ?? Number.NaN) * FAR_OFF,
    }));
    const failed = farOffIn(ratios, recorded);
    return {
      figures,
      ...(failed.length > 0
        ? {
            failed: `Much slower than recorded: ${failed.join(', ')}. Run \`npm run bench\` on a quiet machine, and see docs/performance.md.`,
          }
        : {}),
    };
  },
};
