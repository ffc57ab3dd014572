// calbus ledger export: every record as one line of JSON.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createAudit } from '@calbus/audit/audit';
import type { OperatorClient } from '@calbus/operator-client/client';
import { Problem } from '@calbus/operator-client/problem';
import { isAfter, parseLedgerBound, isAtOrAfter } from '@calbus/operator-client/ledger/bounds';
import { openLedgerReader, type StoredLedgerMessage } from '@calbus/operator-client/ledger/reader';

export type ExportRange = { readonly from?: string; readonly to?: string; readonly out?: string };

type Line = Readonly<Record<string, unknown>>;

const linesOf = function* (audit: ReturnType<typeof createAudit>, m: StoredLedgerMessage): Generator<Line> {
  const { sequence, storedAt } = m;
  const link = audit.take(m);
  if (link.kind !== 'valid') {
    // The bytes as they are, since nobody knows what they say.
    const why =
      link.kind === 'void' ? { void: link.why } : { unread: 'a later version of calbus has written here' };
    yield { sequence, storedAt, ...why, bytes: Buffer.from(m.bytes).toString('base64') };
    return;
  }
  const { at, term, generation } = link.batch;
  for (const record of link.batch.records) yield { sequence, time: at, storedAt, term, generation, record };
};

const openOut = async (file: string): Promise<NodeJS.WritableStream> => {
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

export const exportLedger = async (operator: OperatorClient, range: ExportRange): Promise<void> => {
  const from = range.from === undefined ? undefined : parseLedgerBound(range.from);
  const to = range.to === undefined ? undefined : parseLedgerBound(range.to);
  const out = range.out === undefined ? process.stdout : await openOut(range.out);
  let broken: NodeJS.ErrnoException | undefined;
  out.on('error', (error) => (broken = error));
  const audit = createAudit();
  for await (const m of openLedgerReader(operator, 'Exporting').read()) {
    const before = audit.end().time;
    for (const line of linesOf(audit, m)) {
      // A VOID message has no time of its own in the ledger; it stands after the batch before it.
      const at = 'time' in line ? Number(line['time']) : before;
      if (to && isAfter(to, m.sequence, at)) continue;
      if (from && !isAtOrAfter(from, m.sequence, at)) continue;
      if (!out.write(`${JSON.stringify(line)}\n`) && !broken)
        await Promise.race([once(out, 'drain'), once(out, 'close')]);
    }
    if (broken || (to && isAfter(to, m.sequence, audit.end().time))) break;
  }
  if (range.out !== undefined) await new Promise((done) => out.end(() => done(undefined)));
  // Whoever reads may have had enough, as `head` has.
  if (broken && broken.code !== 'EPIPE')
    throw new Problem('CANNOT_WRITE', `What is exported cannot be written (${broken.code ?? 'error'}).`);
};
