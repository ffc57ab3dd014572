// The stages of a run that are about calbus itself.

import { connectKinds, type Kind, type Kinds } from './kinds.ts';
import type { Sizes } from './families.ts';
import { closedLoad, openLoad } from './load.ts';
import { levelsOf, measured, type Levels, type Measured, type Plan } from './measured.ts';
import type { AtHalf, Results, Size, Storm } from './results.ts';
import { startSite, type Site } from './site.ts';

/** Where throughput is compared. */
export const BUSY = 256;
const STORM_SECONDS = 60;
const UNCOUNTED_SECONDS = 2;
const FEW: Sizes = { upgrade: 100, known: 100, renewal: 100, refused: 100 };

const load = (site: Site, kind: Kind, inFlight: number, seconds: number): Promise<Measured> =>
  measured({ inFlight, seconds, act: kind.act, most: kind.left(), processes: site.processes });

export const levelsOfKind = (site: Site, { name, act, left }: Kind, plan: Plan): Promise<Levels> =>
  levelsOf({ name, act, left, processes: site.processes }, plan);

/**
 * Latencies as they are when there is room: at half of `most`, with requests that come whether or not earlier ones are answered. What comes
 * in the first two seconds is not counted: what answers was compiled for the kind of request before.
 */
export const atHalfOf = async (kind: Kind, most: number, { seconds, say }: Plan): Promise<AtHalf> => {
  const perSecond = Math.max(1, Math.round(most / 2));
  say(`  ${kind.name}, ${perSecond} a second …`);
  await openLoad({ perSecond, seconds: UNCOUNTED_SECONDS, act: kind.act });
  return { ...(await openLoad({ perSecond, seconds: seconds * 3, act: kind.act })), asked: perSecond };
};

export const issuersOf = async (
  site: Site,
  kind: Kind,
  counts: readonly number[],
  { seconds, say }: Plan,
): Promise<Results['issuers']> => {
  const results: { count: number; grants: Measured }[] = [];
  for (const count of counts) {
    say(`  ${kind.name}, ${count} issuer${count === 1 ? '' : 's'} …`);
    await site.issuers(count);
    results.push({ count, grants: await load(site, kind, BUSY, seconds) });
  }
  await site.issuers(1);
  return results;
};

/** So many devices that nobody has seen, all within a minute, as when a farm's users come in the morning. */
export const stormOf = async (site: Site, kind: Kind, devices: number, say: Plan['say']): Promise<Storm> => {
  let mostUnderWay = 0;
  const began = performance.now();
  const storm = await openLoad({
    perSecond: devices / STORM_SECONDS,
    seconds: STORM_SECONDS,
    act: kind.act,
    watch: (underWay) => {
      mostUnderWay = Math.max(mostUnderWay, underWay);
      const second = Math.round((performance.now() - began) / 1_000);
      if (second % 10 === 0) say(`  after ${second} s: ${underWay} requests under way`);
    },
  });
  return {
    ...storm,
    devices,
    within: STORM_SECONDS,
    mostUnderWay,
    drainedSeconds: storm.seconds - STORM_SECONDS,
    inventoryBytes: site.inventoryBytes(),
  };
};

/** What a grant, a start and a license cost where so many were issued before. */
export const sizeOf = async (licenses: number, { seconds, say }: Plan): Promise<Size> => {
  await using site = await startSite({ licenses, families: FEW, say });
  const startSeconds = await site.restartInventory();
  const [diskBytes, memoryBytes] = [site.ledgerBytes(), site.inventoryBytes()];
  const kinds = await connectKinds(site.profile, FEW);
  try {
    say('Warming up …');
    await warmUp(kinds);
    say(`  new, ${BUSY} in flight …`);
    const grants = await load(site, kinds.of('new'), BUSY, seconds * 3);
    return { licenses, grants, startSeconds, diskBytes, memoryBytes };
  } finally {
    await kinds.close();
  }
};

const WARM_UP_SECONDS = 3;

/** Until everything that answers has been compiled, for requests that travel together and for one alone: what is measured is a service that runs, not one that was just started. */
const warmUp = async (kinds: Kinds): Promise<void> => {
  for (const inFlight of [64, 1])
    for (const name of ['new', 'known', 'per user'])
      await closedLoad({ inFlight, seconds: WARM_UP_SECONDS, warmUpSeconds: 0, act: kinds.of(name).act });
};

export const withKinds = async <R>(
  sizes: Sizes,
  licenses: number,
  say: Plan['say'],
  use: (site: Site, kinds: Kinds) => Promise<R>,
): Promise<R> => {
  await using site = await startSite({ licenses, families: sizes, say });
  const kinds = await connectKinds(site.profile, sizes);
  try {
    say('Warming up …');
    await warmUp(kinds);
    return await use(site, kinds);
  } finally {
    await kinds.close();
  }
};
