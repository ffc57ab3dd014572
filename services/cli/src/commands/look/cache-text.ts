// The age of the live counts, from two sources: the head in Redis, and the leader's own report on its writes.

import type { SystemStatus } from '@calbus/operator-client/status';
import { time } from '@calbus/operator-client/text';
import { green, red, yellow } from '../../print.ts';

type CacheStatus = Pick<SystemStatus, 'inventory' | 'liveCounts' | 'redis'>;

export const describeCache = (
  { inventory: i, liveCounts: live, redis }: CacheStatus,
  now: number,
): string => {
  // Counts of another generation say nothing about this one, whatever their sequence.
  const sameGeneration = i !== null && live?.generation === i.position.generation;
  const at = sameGeneration ? live?.at : i?.cacheAsOf;
  const age =
    at === undefined
      ? ''
      : `: those of ${time(at)} UTC, ${Math.max(0, Math.round((now - at) / 1_000))} s ago`;
  if (redis === 'unreachable') return red(`Redis does not answer${age}; licenses are still issued`);
  if (i === null) return yellow('unknown while inventory does not answer');
  if (!sameGeneration || !live) return yellow('being written again');
  const behind = i.position.sequence - live.sequence;
  if (i.cache === 'current' && behind <= 0) return green('current');
  if (i.cache === 'unreachable')
    return red(`inventory does not reach Redis${age}; licenses are still issued`);
  return i.cache === 'behind' || behind > 1 ? yellow(`behind${age}`) : green('current');
};
