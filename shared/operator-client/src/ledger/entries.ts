// A ledger record as text for operators, with its row, its device and the licenses that it supersedes.

import type { AuditedLicense, AuditedState } from '@calbus/audit/audited-state';
import type { LedgerBatch, LedgerRecord } from '@calbus/contracts/ledger';
import type { OperatorRow, RowId } from '@calbus/contracts/rows';
import { day, grouped, moment } from '../text.ts';
import { rowDescriptions } from '../row-descriptions.ts';

export type LedgerEntry = {
  readonly sequence: number;
  readonly time: number;
  readonly kind: LedgerRecord['kind'];
  /** The event as a sentence. */
  readonly says: string;
  readonly row: RowId | OperatorRow | null;
  readonly rule: string | null;
  readonly requestId: string | null;
  readonly terminalServerId: string | null;
  readonly licenseId: string | null;
  readonly keyPackId: string | null;
  readonly hardwareId: string | null;
  readonly deviceName: string | null;
  readonly userName: string | null;
  readonly supersedes: readonly string[];
};

type Known = Readonly<AuditedLicense> | undefined;

const licenseWords = (id: string, l: Known): string =>
  l ? `${l.kind} license ${id} for ${l.version}` : `license ${id}`;

const reason = (why: string): string => (why === '' ? '' : ` (${why})`);

const beginning = (r: Extract<LedgerRecord, { kind: 'generation-started' }>): string => {
  if (!r.lost) return 'the ledger began';
  const survived = r.after ? `survived what is up to ${r.after.sequence}` : 'nothing survived';
  const seen = r.lost.map((l) => `${l.generation} up to ${l.sequence}`).join(', ');
  const lost = seen === '' ? '' : `; seen was ${seen}`;
  return `a new life of the ledger began: of the one before ${survived}${lost}; accepted by ${r.by ?? ''}: ${r.why ?? ''}`;
};

const says = (r: LedgerRecord, known: Known, superseded: readonly string[]): string => {
  switch (r.kind) {
    case 'generation-started':
      return beginning(r);
    case 'leadership-taken':
      return `replica ${r.replica} took the lead`;
    case 'activated':
      return `activated as ${grouped(r.serverId)}, epoch ${r.epoch}, by ${r.by}`;
    case 'pack-installed':
      return `${r.quantity} CALs for ${r.version} installed, ${r.mode}, ${r.program} ${r.agreementNumber}, by ${r.by}`;
    case 'temporary-issued':
      return `temporary license for ${r.version} until ${day(r.notAfter)}`;
    case 'full-issued': {
      const instead = superseded.length > 0 ? `, in place of ${superseded.join(' and ')}` : '';
      return `full license for ${r.version} until ${day(r.notAfter)}${instead}`;
    }
    case 'renewed':
      return `${licenseWords(r.licenseId, known)} renewed until ${day(r.notAfter)}`;
    case 'validated':
      return `${licenseWords(r.licenseId, known)} validated by a log-on`;
    case 'returned':
      return `the CAL of ${licenseWords(r.licenseId, known)} returned to its pool`;
    case 'server-restored':
      return `put back from the backup of ${moment(r.backup.madeAt)} UTC by ${r.backup.madeBy}: temporary licenses only until it is reactivated; by ${r.by}${reason(r.why)}`;
    case 'deactivated':
      return `deactivated, by ${r.by}`;
    case 'cals-withheld':
      return `${r.quantity} CALs given to nobody while the Clearinghouse is asked to take them, by ${r.by}`;
    case 'cals-settled':
      return `${r.quantity} CALs ${r.outcome === 'removed' ? 'left the key pack' : 'free again: the Clearinghouse has not taken them'}`;
    case 'reserve-released':
      return `${r.released} CALs not kept any more for licenses learned again, by ${r.by}${reason(r.why)}`;
    case 'license-revoked':
      return `${licenseWords(r.licenseId, known)} revoked by ${r.by}${reason(r.why)}`;
    case 'devices-merged':
      return `device ${r.from} merged into ${r.into} by ${r.by}${reason(r.why)}`;
    case 'merge-undone':
      return `the merge of device ${r.from} taken back by ${r.by}${reason(r.why)}`;
    case 'relearned': {
      const cal =
        r.keyPackId === null ? 'there is no CAL for it' : r.reserved ? 'a reserved CAL' : 'a free CAL';
      return `full license for ${r.version} until ${day(r.notAfter)} learned again: ${cal}`;
    }
    case 'device-seen':
      return `device ${r.hardwareId} asked as ${r.deviceName}`;
    case 'terminal-server-stands':
      return `terminal server ${r.terminalServerId}: version ${r.version}, ${r.mode ?? 'no licensing mode'}`;
    case 'user-recorded':
      return `user ${r.userKey} recorded for ${r.version} until ${day(r.notAfter)}`;
    case 'user-extended':
      return `user ${r.userKey} for ${r.version} extended until ${day(r.notAfter)}`;
    case 'user-dropped':
      return `user ${r.userKey} for ${r.version} dropped, past the end`;
    case 'refused':
      return `refused: ${r.code}, for ${r.version}`;
    case 'refusals-counted': {
      const times = r.counts.reduce((n, c) => n + c.times, 0);
      return `${times} repeats of refusals counted, of ${r.counts.length} kinds`;
    }
    case 'settings-changed': {
      const changes = Object.entries(r.changes).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
      return `settings changed by ${r.by}: ${changes.join(' ')}${reason(r.why)}`;
    }
    case 'clock-confirmed':
      return `the leader's clock confirmed by ${r.by}${reason(r.why)}`;
  }
};

/** `holdings` has applied the record already. */
export const entryOf = (
  r: LedgerRecord,
  batch: LedgerBatch,
  sequence: number,
  holdings: AuditedState,
): LedgerEntry => {
  const licenseId = 'licenseId' in r ? r.licenseId : null;
  const known = licenseId === null ? undefined : holdings.licenses.get(licenseId);
  const supersedes = 'supersedes' in r ? r.supersedes : [];
  const superseded = supersedes.map((id) => licenseWords(id, holdings.licenses.get(id)));
  return {
    sequence,
    time: batch.at,
    kind: r.kind,
    says: says(r, known, superseded),
    row: 'row' in r ? r.row : null,
    rule: 'row' in r ? rowDescriptions[r.row] : null,
    requestId: 'requestId' in r ? r.requestId : null,
    terminalServerId: 'terminalServerId' in r ? r.terminalServerId : null,
    licenseId,
    keyPackId: 'keyPackId' in r ? r.keyPackId : (known?.keyPackId ?? null),
    hardwareId: 'hardwareId' in r ? r.hardwareId : 'from' in r ? r.from : (known?.hardwareId ?? null),
    deviceName: known?.deviceName ?? null,
    userName: known?.userName ?? null,
    supersedes,
  };
};
