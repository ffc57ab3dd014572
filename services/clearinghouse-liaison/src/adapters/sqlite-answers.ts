// Answers of the Clearinghouse in SQLite: each is applied once, in one transaction with its consequences.

import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { transact } from '@calbus/runtime/sqlite';
import { epochChangeRejection, type Command, type CommandState } from '../domain/command.ts';
import type { AnswerResult, IssuedPack, Store } from '../ports.ts';
import { commandRowOf } from './stored-rows.ts';

/** The key packs of an answer: each is kept with the paper by which it was bought, which it names itself. */
const packsIn = (what: AnswerResult | null): readonly IssuedPack[] => {
  switch (what?.kind) {
    case 'key-pack':
      return [what];
    case 'recovered':
      return what.packs;
    case 'pack-changed':
      return what.into === null ? [] : [what.into];
    default:
      return [];
  }
};

/** Ends the commands that an activation overtakes. */
const overtaken = (db: DatabaseSync, secret: string) => {
  const commandRow = commandRowOf(secret);
  const unprepared = db.prepare(
    "SELECT * FROM commands WHERE stage IN ('waiting', 'held') AND prepared = 0 ORDER BY sequence",
  );
  const held = db.prepare("SELECT * FROM commands WHERE stage = 'held' ORDER BY sequence");
  return {
    /** Commands of the earlier epoch that have not left. A command that has left is answered: the Clearinghouse may have done it. */
    notSent: (): readonly Command[] => z.array(commandRow).parse(unprepared.all()),
    /** Commands that a person carries and that the new epoch makes useless, each with the sentence for that person. */
    carried: (): readonly { readonly command: Command; readonly says: string }[] =>
      z
        .array(commandRow)
        .parse(held.all())
        .flatMap((command) => {
          const says = epochChangeRejection(command.request);
          return says === undefined ? [] : [{ command, says }];
        }),
  };
};

export const sqliteAnswers = (db: DatabaseSync, secret: string): Pick<Store, 'applyAnswer' | 'keyPacks'> => {
  const answer = db.prepare(
    `UPDATE commands SET stage = ?, state = ?, answered = ?
     WHERE command_id = ? AND stage IN ('waiting', 'held', 'sent')`,
  );
  const removeCode = db.prepare(
    "UPDATE commands SET jws = '' WHERE command_id = ? AND json_extract(request, '$.purchase.program') = 'retail'",
  );
  const deactivate = db.prepare('UPDATE identity SET deactivated = 1');
  const activate = db.prepare(
    'UPDATE identity SET server_id = ?, epoch = ?, chain = ?, deactivated = 0 WHERE epoch < ?',
  );
  const addPack = db.prepare(
    'INSERT OR REPLACE INTO agreements (key_pack_id, key_pack, kept_at) VALUES (?, ?, ?)',
  );
  const packs = db.prepare('SELECT key_pack FROM agreements ORDER BY kept_at, key_pack_id');
  const waiting = overtaken(db, secret);

  const endNotSent = (at: number): void => {
    const says = 'The license server was activated anew before this was asked: ask again.';
    const state: CommandState = { state: 'answered', at };
    const result: AnswerResult = { kind: 'not-taken', reason: 'WRONG_EPOCH', says };
    for (const c of waiting.notSent())
      answer.run(state.state, JSON.stringify(state), JSON.stringify(result), c.commandId);
  };
  const endCarried = (at: number): void => {
    for (const { command, says } of waiting.carried()) {
      const state: CommandState = { state: 'rejected', at, reason: 'WRONG_EPOCH', says };
      answer.run(state.state, JSON.stringify(state), null, command.commandId);
      removeCode.run(command.commandId);
    }
  };
  const apply = (commandId: string, state: CommandState, result: AnswerResult | null): boolean => {
    const text = result && JSON.stringify(result);
    const at = 'at' in state ? state.at : 0;
    if (Number(answer.run(state.state, JSON.stringify(state), text, commandId).changes) !== 1) return false;
    removeCode.run(commandId);
    if (result?.kind === 'activated') {
      activate.run(result.serverId, result.epoch, JSON.stringify(result.chain), result.epoch);
      endNotSent(at);
      endCarried(at);
    }
    if (result?.kind === 'deactivated') deactivate.run();
    for (const { keyPackId, keyPack } of packsIn(result)) addPack.run(keyPackId, keyPack, at);
    return true;
  };
  return {
    applyAnswer: (commandId, state, result, within = () => {}) =>
      transact(db, () => {
        const applied = apply(commandId, state, result);
        if (applied) within();
        return applied;
      }),
    keyPacks: () =>
      z
        .array(z.object({ key_pack: z.string() }))
        .parse(packs.all())
        .map((r) => r.key_pack),
  };
};
