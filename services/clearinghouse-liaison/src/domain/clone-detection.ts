// Detects that another copy of this license server was activated: the Clearinghouse refuses commands of the epoch in force here.

import type { Activation, Command } from './command.ts';

/** The epoch under which a command was signed; undefined where it names none. */
export type EpochOf = (command: Command) => number | undefined;

/** A command of an earlier epoch of its own, overtaken by its own reactivation, says nothing. */
export const isSuperseded = (
  activation: Activation | null,
  commands: readonly Command[],
  epochOf: EpochOf,
): boolean =>
  activation !== null &&
  commands.some(
    (c) =>
      c.state.state === 'rejected' && c.state.reason === 'WRONG_EPOCH' && epochOf(c) === activation.epoch,
  );
