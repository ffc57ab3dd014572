// `calbus ledger export`: every record as one line of JSON.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createAudit, type Audit } from '@calbus/audit/audit';
import type { OperatorClient } from '@calbus/operator-client/client';
import {
  isAfter,
  isAtOrAfter,
  parseLedgerBound,
  type LedgerBound,
} from '@calbus/operator-client/ledger/bounds';
import { openLedgerReader, type StoredLedgerMessage } from '@calbus/operator-client/ledger/reader';
import { Problem } from '@calbus/operator-client/problem';
import type { ProgressReport } from '@calbus/operator-client/progress';
import { withProgress } from '../../progress.ts';

export type ExportOptions = { readonly from?: string; readonly to?: string; readonly out?: string };

type Range = { readonly from?: LedgerBound; readonly to?: LedgerBound };
type Line = Readonly<Record<string, unknown>>;

const linesOf = function* (audit: Audit, m: StoredLedgerMessage): Generator<Line> {
  const { sequence, storedAt } = m;
  const link = audit.take(m);
  if (link.kind !== 'valid') {
    // This release cannot read the bytes, so they are exported as they are.
    const why =
      link.kind === 'void' ? { void: link.why } : { unread: 'a later version of calbus has written here' };
    yield { sequence, storedAt, ...why, bytes: Buffer.from(m.bytes).toString('base64') };
    return;
  }
  const { at, term, generation } = link.batch;
  for (const record of link.batch.records) yield { sequence, time: at, storedAt, term, generation, record };
};

/** The lines within the range. */
const exportLines = async function* (
  operator: OperatorClient,
  { from, to }: Range,
  report: ProgressReport,
): AsyncGenerator<Line> {
  const audit = createAudit();
  for await (const m of openLedgerReader(operator, report).read()) {
    const before = audit.end().time;
    for (const line of linesOf(audit, m)) {
      // A VOID message has no ledger time of its own. It has the time of the batch before it.
      const at = 'time' in line ? Number(line['time']) : before;
      if (to && isAfter(to, m.sequence, at)) continue;
      if (from && !isAtOrAfter(from, m.sequence, at)) continue;
      yield line;
    }
    if (to && isAfter(to, m.sequence, audit.end().time)) return;
  }
};

const openFile = async (file: string): Promise<NodeJS.WritableStream> => {
  const out = createWriteStream(file, { flags: 'wx', mode: 0o600 });
  try {
    await once(out, 'open');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'EEXIST' ? 'is there already' : `cannot be written (${code ?? 'error'})`;
    throw new Problem('CANNOT_WRITE', `${file} ${why}; nothing was exported.`);
  }
  return out;
};

/** Ends early where the stream fails. Throws a Problem, except where a reader such as `head` closed the pipe. */
const writeLines = async (out: NodeJS.WritableStream, lines: AsyncIterable<Line>): Promise<void> => {
  const state: { failure?: NodeJS.ErrnoException; resume?: () => void } = {};
  out.on('error', (error: NodeJS.ErrnoException) => {
    state.failure = error;
    state.resume?.();
  });
  out.on('drain', () => state.resume?.());
  out.on('close', () => state.resume?.());
  for await (const line of lines) {
    if (state.failure) break;
    if (!out.write(`${JSON.stringify(line)}\n`) && !state.failure)
      await new Promise<void>((resume) => (state.resume = resume));
  }
  const { failure } = state;
  if (failure && failure.code !== 'EPIPE')
    throw new Problem('CANNOT_WRITE', `What is exported cannot be written (${failure.code ?? 'error'}).`);
};

export const exportLedger = async (operator: OperatorClient, o: ExportOptions): Promise<void> => {
  const range = {
    ...(o.from === undefined ? {} : { from: parseLedgerBound(o.from) }),
    ...(o.to === undefined ? {} : { to: parseLedgerBound(o.to) }),
  };
  const out = o.out === undefined ? process.stdout : await openFile(o.out);
  await withProgress('Exporting', (report) => writeLines(out, exportLines(operator, range, report)));
  if (o.out !== undefined) await new Promise((done) => out.end(() => done(undefined)));
};
