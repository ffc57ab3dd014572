// `calbus watch`: live counts, and each decision when it is published.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { decodeDecisions } from '@calbus/contracts/received-decisions';
import type { Body } from '@calbus/contracts/envelope';
import { subjects } from '@calbus/contracts/subjects';
import type { licenseDecision, licenseFault } from '@calbus/contracts/terminal-server-messages';
import type { OperatorClient } from '@calbus/operator-client/client';
import { readLiveCounts, type LiveCounts } from '@calbus/operator-client/live-counts';
import { rowDescriptions } from '@calbus/operator-client/row-descriptions';
import { describeCounts, describeDecision, plain } from '@calbus/operator-client/text';
import { JSON_OPTION, wholeNumber, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { dim, red, say } from '../../print.ts';

type Decision = Body<typeof licenseDecision>;
type Fault = Body<typeof licenseFault>;

const POLL_INTERVAL_MS = 1_000;

const clockTime = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

/** A license is its bearer's proof: a view shows its id and never its bytes. */
const withoutLicense = ({ outcome, ...rest }: Decision): object => {
  if (outcome.kind !== 'license') return { ...rest, outcome };
  const { license: _bytes, ...shown } = outcome;
  return { ...rest, outcome: shown };
};

const showDecision = (d: Decision, asJson: boolean): void => {
  if (asJson) return say(JSON.stringify({ decision: withoutLicense(d) }));
  const row = dim(rowDescriptions[d.row] ?? '');
  say(
    `${clockTime(d.decidedAt)}  ${d.terminalServerId.padEnd(12)} ${d.row.padEnd(3)} ${describeDecision(d)} ${row}`,
  );
};

const showFault = (f: Fault, at: number, asJson: boolean): void => {
  if (asJson) return say(JSON.stringify({ fault: f }));
  say(red(`${clockTime(at)}  ${f.terminalServerId.padEnd(12)} ${f.code}: ${plain(f.says)}`));
};

const showCounts = (counts: LiveCounts | null, asJson: boolean): void => {
  if (asJson) return say(JSON.stringify({ counts }));
  if (!counts) return say(red('Redis does not answer: counts are stale; licenses are still issued.'));
  const ledger = dim(`(ledger ${counts.head?.sequence ?? '…'})`);
  say(`${clockTime(Date.now())}  ${describeCounts(counts)} ${ledger}`);
};

/** Prints the counts when they change, until `signal` aborts. */
const watchCounts = async (redis: Redis, asJson: boolean, signal: AbortSignal): Promise<void> => {
  let last: string | undefined;
  while (!signal.aborted) {
    const counts = await readLiveCounts(redis).catch(() => null);
    const text = JSON.stringify(counts);
    if (text !== last) showCounts(counts, asJson);
    last = text;
    await sleep(POLL_INTERVAL_MS, undefined, { signal }).catch(() => {});
  }
};

const watchDecisions = ({ nc }: OperatorClient, asJson: boolean): void => {
  nc.subscribe(subjects.decision.all, {
    callback: (error, m) => {
      // NATS refuses the subscription of an observer, who sees counts only.
      if (error) return;
      const opened = decodeDecisions(m.data);
      if (!opened.ok) return;
      const { sentAt, decisions, faults } = opened.message;
      for (const f of faults) showFault(f, sentAt, asJson);
      for (const d of decisions) showDecision(d, asJson);
    },
  });
};

export const define: DefineCommand = (command, { withLiveCounts }) => {
  command
    .option(...JSON_OPTION)
    .option('--for <seconds>', 'end after this time', wholeNumber)
    .action((o: JsonOption & { readonly for?: number }) =>
      withLiveCounts(async (operator, redis) => {
        const end = new AbortController();
        process.once('SIGINT', () => end.abort());
        process.once('SIGTERM', () => end.abort());
        if (o.for !== undefined) setTimeout(() => end.abort(), o.for * 1_000).unref();
        watchDecisions(operator, o.json ?? false);
        await watchCounts(redis, o.json ?? false, end.signal);
      }),
    );
};
