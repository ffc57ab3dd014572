// Live counts, and each decision as it passes.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { decode } from '@calbus/contracts/envelope';
import { subjects } from '@calbus/contracts/subjects';
import { licenseDecision } from '@calbus/contracts/terminal-server-messages';
import { readLiveCounts, type LiveCounts } from '../live-counts.ts';
import type { Operator } from '../operator.ts';
import { dim, modeName, red, say } from '../print.ts';
import { rowWords } from '../rows.ts';
import { decisionWords } from './request.ts';

export const countsLine = (counts: LiveCounts): string =>
  counts.pools
    .map((p) =>
      p.mode === 'per-user'
        ? `${p.version} ${modeName(p.mode)}: ${p.installed} installed, not counted`
        : `${p.version} ${modeName(p.mode)}: ${p.installed} installed, ${p.issued} issued, ${p.available} available, ${p.temporary} temporary`,
    )
    .join('; ') || 'no CALs installed';

/** Until `signal` aborts. With `asJson` one JSON object a line. */
export const watch = async (
  operator: Operator,
  redis: Redis,
  asJson: boolean,
  signal: AbortSignal,
): Promise<void> => {
  operator.nc.subscribe(subjects.decision.all, {
    callback: (_error, m) => {
      const decoded = decode([licenseDecision], m.data);
      if (!decoded.ok) return;
      const d = decoded.message.body;
      if (asJson) return say(JSON.stringify({ decision: d }));
      say(
        `${new Date(d.decidedAt).toISOString().slice(11, 19)}  ${d.terminalServerId.padEnd(12)} ${d.row.padEnd(3)} ${decisionWords(d)} ${dim(rowWords[d.row] ?? '')}`,
      );
    },
  });
  let last = '';
  while (!signal.aborted) {
    try {
      const counts = await readLiveCounts(redis);
      const text = JSON.stringify(counts);
      if (text !== last)
        say(
          asJson
            ? JSON.stringify({ counts })
            : `${new Date().toISOString().slice(11, 19)}  ${countsLine(counts)} ${dim(`(ledger ${counts.head?.sequence ?? '…'})`)}`,
        );
      last = text;
    } catch {
      if (last !== 'unreachable')
        say(
          asJson
            ? JSON.stringify({ counts: null })
            : red('Redis does not answer: counts are stale; licenses are issued all the same.'),
        );
      last = 'unreachable';
    }
    await sleep(1_000, undefined, { signal }).catch(() => {});
  }
};
