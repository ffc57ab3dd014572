// Live counts, and each decision as it passes.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { decodeDecisions } from '@calbus/contracts/received-decisions';
import type { Body } from '@calbus/contracts/envelope';
import { subjects } from '@calbus/contracts/subjects';
import type { licenseDecision, licenseFault } from '@calbus/contracts/terminal-server-messages';
import { readLiveCounts, type LiveCounts } from '@calbus/operator-client/live-counts';
import type { OperatorClient } from '@calbus/operator-client/client';
import { dim, modeName, plain, red, say } from '../print.ts';
import { rowDescriptions } from '@calbus/operator-client/row-descriptions';
import { describeDecision } from '@calbus/operator-client/terminal-server-connection';

type Decision = Body<typeof licenseDecision>;
type Fault = Body<typeof licenseFault>;

export const describeCounts = (counts: LiveCounts): string =>
  counts.pools
    .map((p) =>
      p.mode === 'per-user' && p.issued === 0
        ? `${p.version} ${modeName(p.mode)}: ${p.installed} installed, not counted`
        : `${p.version} ${modeName(p.mode)}: ${p.installed} installed, ${p.issued} issued, ${p.available} available, ${p.temporary} temporary`,
    )
    .join('; ') || 'no CALs installed';

const clockTime = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

/** A license is its bearer's proof: a view names it and never shows its bytes. */
const withoutLicense = ({ outcome, ...rest }: Decision): object => {
  if (outcome.kind !== 'license') return { ...rest, outcome };
  const { license: _bytes, ...shown } = outcome;
  return { ...rest, outcome: shown };
};

const showDecision = (d: Decision, asJson: boolean): void => {
  if (asJson) return say(JSON.stringify({ decision: withoutLicense(d) }));
  say(
    `${clockTime(d.decidedAt)}  ${d.terminalServerId.padEnd(12)} ${d.row.padEnd(3)} ${describeDecision(d)} ${dim(rowDescriptions[d.row] ?? '')}`,
  );
};

const showFault = (f: Fault, at: number, asJson: boolean): void => {
  if (asJson) return say(JSON.stringify({ fault: f }));
  say(red(`${clockTime(at)}  ${f.terminalServerId.padEnd(12)} ${f.code}: ${plain(f.says)}`));
};

/** Until `signal` aborts. With `asJson` one JSON object a line. */
export const watch = async (
  operator: OperatorClient,
  redis: Redis,
  asJson: boolean,
  signal: AbortSignal,
): Promise<void> => {
  operator.nc.subscribe(subjects.decision.all, {
    callback: (error, m) => {
      // An observer sees counts only.
      if (error) return;
      const told = decodeDecisions(m.data);
      if (!told.ok) return;
      const { sentAt, decisions, faults } = told.message;
      for (const f of faults) showFault(f, sentAt, asJson);
      for (const d of decisions) showDecision(d, asJson);
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
            : `${clockTime(Date.now())}  ${describeCounts(counts)} ${dim(`(ledger ${counts.head?.sequence ?? '…'})`)}`,
        );
      last = text;
    } catch {
      if (last !== 'unreachable')
        say(
          asJson
            ? JSON.stringify({ counts: null })
            : red('Redis does not answer: counts are stale; licenses are still issued.'),
        );
      last = 'unreachable';
    }
    await sleep(1_000, undefined, { signal }).catch(() => {});
  }
};
