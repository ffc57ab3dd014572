// What the liaison keeps, handed out for a backup, and taken back by one that was never activated.

import {
  columnValue,
  liaisonBackup,
  liaisonRestored,
  type liaisonRestore,
  type LiaisonRow,
  type queryLiaisonBackup,
} from '@calbus/contracts/liaison-backup-messages';
import { liaisonRefused } from '@calbus/contracts/liaison-messages';
import type { Message } from '@calbus/contracts/envelope';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import type { BackupRows, Signer, Store } from '../ports.ts';

export const backup = async (
  kept: Pick<BackupRows, 'read'>,
  { body }: Message<typeof queryLiaisonBackup>,
): Promise<Answer> => {
  const { rows, next } = kept.read(body.after);
  return answerWith(liaisonBackup, { rows: [...rows], next });
};

export type RestoreDeps = {
  readonly kept: BackupRows;
  readonly store: Pick<Store, 'activation' | 'productId'>;
  readonly signer: Pick<Signer, 'canDecrypt'>;
  /** Keys and commands of another identity are there now. */
  readonly onRestored: () => void;
};

const refused = (says: string): Answer => answerWith(liaisonRefused, { reason: 'NOT_RESTORABLE', says });

/** Why these rows, the identity the last of them, cannot be taken. */
const problem = ({ kept, signer }: RestoreDeps, rows: readonly LiaisonRow[]): string | undefined => {
  const unknown = kept.unknownColumn(rows);
  if (unknown !== undefined)
    return `The backup was made by a later release of calbus: ${unknown} is not known here.`;
  const identity = rows.at(-1);
  if (identity?.table !== 'identity') return 'The identity is not the last row.';
  const [key, next] = [columnValue(identity, 'sealed_key'), columnValue(identity, 'next_key')];
  const opens =
    typeof key === 'string' &&
    signer.canDecrypt(key) &&
    (typeof next !== 'string' || signer.canDecrypt(next));
  return opens
    ? undefined
    : 'The deployment secret is not the one under which the keys in the backup were sealed: give the services that secret first. Nothing was changed.';
};

/** Rows wait in memory until the identity comes; then all of them count, or none. */
export const createRestore = (d: RestoreDeps): ((m: Message<typeof liaisonRestore>) => Promise<Answer>) => {
  let waiting: { readonly commandId: string; readonly rows: LiaisonRow[] } | undefined;
  return async ({ body: { commandId, before, rows } }) => {
    const identity = rows.find((r) => r.table === 'identity');
    const given = identity && columnValue(identity, 'product_id');
    // The same again, after an answer that was lost.
    if (given === d.store.productId) return answerWith(liaisonRestored, { complete: true });
    const own = d.store.activation();
    if (own) return refused(`This license server is activated as ${own.serverId}; it keeps its identity.`);
    if (before === 0) waiting = { commandId, rows: [] };
    if (waiting?.commandId !== commandId || waiting.rows.length !== before)
      return refused('Rows before these are missing: restore again.');
    waiting.rows.push(...rows);
    if (!identity) return answerWith(liaisonRestored, { complete: false });
    const whole = waiting.rows;
    waiting = undefined;
    const why = problem(d, whole);
    if (why !== undefined) return refused(why);
    d.kept.replace(whole);
    d.onRestored();
    return answerWith(liaisonRestored, { complete: true });
  };
};
