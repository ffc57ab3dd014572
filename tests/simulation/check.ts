// What must be true of a story, whatever happened in it. The ledger is read by the audit's own rules, never by the service's fold.

import { newAudit } from '@calbus/audit/audit';
import { ledgerBatch, type LedgerRecord } from '@calbus/contracts/ledger';
import type { LicenseFacts } from '@calbus/contracts/license';
import type { Ask } from './processes.ts';

type Decision = {
  readonly row: string;
  readonly decidedAt: number;
  readonly position: { readonly generation: string; readonly sequence: number };
  readonly outcome: {
    readonly kind: string;
    readonly code?: string;
    readonly license?: string;
    readonly licenseId?: string;
  };
};

/** One decision as it left an issuer. */
export type Given = {
  readonly ask: Ask;
  readonly askedAt: number;
  /** The ledger's last sequence when it was first asked. */
  readonly headThen: number;
  /** When the decision left. */
  readonly at: number;
  readonly issuer: string;
  readonly body: unknown;
};

export type Evidence = {
  readonly messages: readonly Uint8Array[];
  readonly given: readonly Given[];
  /** Of the requests that were made when all was well again. */
  readonly unanswered: readonly string[];
  readonly leaders: number;
  readonly redis: { readonly head: string; readonly hashes: ReadonlyMap<string, string> };
};

const REMEMBERED = 600_000;
const HOUR = 3_600_000;

export const check = (e: Evidence): string[] => {
  const wrong: string[] = [];
  const audit = newAudit();
  const records: { r: LedgerRecord; sequence: number; at: number }[] = [];
  for (const [i, bytes] of e.messages.entries()) {
    const sequence = i + 1;
    const link = audit.take({ sequence, bytes });
    if (link.kind === 'void') continue;
    const batch = ledgerBatch.parse(JSON.parse(Buffer.from(bytes).toString()));
    for (const r of batch.records) records.push({ r, sequence, at: batch.at });
  }
  for (const v of audit.violations.first) wrong.push(`${v.invariant} at ${v.sequence}: ${v.says}`);
  for (const d of audit.damage.first) wrong.push(`the chain is damaged at ${d.sequence}`);

  const byRequest = new Map<string, { r: LedgerRecord; sequence: number; at: number }>();
  const byLicense = new Map<string, { sequence: number; at: number; notAfter: number; hardwareId: string }>();
  const owners = new Map<string, string>();
  for (const entry of records) {
    const { r, sequence, at } = entry;
    if ('requestId' in r && !(r.kind === 'validated' && r.within === 'request')) {
      const earlier = byRequest.get(r.requestId);
      if (earlier && at - earlier.at < REMEMBERED)
        wrong.push(`I4: request ${r.requestId} is decided twice in the ledger`);
      byRequest.set(r.requestId, entry);
    }
    if (r.kind === 'temporary-issued' || r.kind === 'full-issued') owners.set(r.licenseId, r.hardwareId);
    if (r.kind === 'temporary-issued' || r.kind === 'full-issued' || r.kind === 'renewed') {
      const { notAfter } = r;
      byLicense.set(`${r.licenseId} ${sequence}`, {
        sequence,
        at,
        notAfter,
        hardwareId: owners.get(r.licenseId) ?? '',
      });
    }
  }

  const outcomes = new Map<string, { said: string; at: number }>();
  for (const g of e.given) {
    if ((g.body as { fault?: true }).fault) continue;
    const d = g.body as Decision;
    const name = `${g.ask.requestId} (${d.row})`;
    const said = JSON.stringify([d.row, d.outcome]);
    const earlier = outcomes.get(g.ask.requestId);
    const recorded = [...byRequest.values()].find(
      (x) =>
        'requestId' in x.r &&
        x.r.requestId === g.ask.requestId &&
        x.r.row === d.row &&
        x.sequence === d.position.sequence,
    );
    if (earlier && earlier.said !== said && recorded && d.decidedAt - earlier.at < REMEMBERED)
      wrong.push(`I4: ${name} was answered ${earlier.said} before, and now ${said}`);
    if (recorded) outcomes.set(g.ask.requestId, { said, at: d.decidedAt });

    if (d.position.sequence > e.messages.length) wrong.push(`I5: ${name} names a place that is not there`);
    if (d.outcome.kind === 'license') {
      const facts = JSON.parse(d.outcome.license ?? '{}') as LicenseFacts;
      const issued = byLicense.get(`${facts.licenseId} ${facts.position.sequence}`);
      if (
        issued?.hardwareId !== g.ask.device ||
        issued.notAfter !== facts.notAfter ||
        issued.at !== facts.issuedAt
      )
        wrong.push(`I5: ${name} gave a license that the ledger does not have so`);
    }
    const stockRefusal = d.outcome.kind === 'refused' && d.row === 'D10';
    if (stockRefusal) {
      const refused = records.find(
        (x) =>
          x.sequence === d.position.sequence &&
          x.r.kind === 'refused' &&
          x.r.hardwareId === g.ask.device &&
          x.r.code === d.outcome.code,
      );
      if (!refused || d.decidedAt - refused.at >= HOUR)
        wrong.push(`I5: ${name} refers to no record of the last hour`);
    }
    if (d.outcome.kind === 'validated') {
      const validated = records.some(
        (x) =>
          x.r.kind === 'validated' &&
          x.r.licenseId === d.outcome.licenseId &&
          x.sequence <= d.position.sequence,
      );
      if (!validated) wrong.push(`I5: ${name} confirmed a log-on that has no record`);
    }
    // What needs no record is answered as the ledger stood when it was asked, or later.
    const fresh = !recorded && !stockRefusal && !byRequest.has(g.ask.requestId);
    if (fresh && d.position.sequence < g.headThen)
      wrong.push(
        `I4: ${name} was answered at ${d.position.sequence}, when the ledger stood at ${g.headThen} already`,
      );
  }

  const end = audit.end();
  if (e.redis.head !== `${end.generation} ${end.sequence} ${end.hash}`)
    wrong.push(`I8: the live counts are at ${e.redis.head.slice(0, 40)}, the ledger at ${end.sequence}`);
  for (const p of audit.holdings.pools()) {
    const key = `cal:pool:${p.version}:${p.mode}`;
    const live = JSON.parse(e.redis.hashes.get(key) ?? '{}') as Record<string, string>;
    if (live['issued'] !== String(p.issued) || live['temporary'] !== String(p.temporary))
      wrong.push(`I8: ${key} is ${JSON.stringify(live)}, the ledger says ${p.issued} and ${p.temporary}`);
  }
  if (e.leaders !== 1) wrong.push(`${e.leaders} lead when all is well again`);
  for (const id of e.unanswered) wrong.push(`${id} was never answered, though all was well again`);
  return wrong;
};
