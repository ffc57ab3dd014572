import { z } from 'zod';
import { openJws } from '@calbus/licenses/jws';
import type { Command } from '../domain/command.ts';
import { isSuperseded } from '../domain/clone-detection.ts';
import type { Store } from '../ports.ts';

const MAX_COMMANDS = 100;
const ofEpoch = z.object({ epoch: z.int() });

/** Of the epoch under which a command was signed; undefined where it names none. */
export const epochOf = ({ jws }: Command): number | undefined =>
  ofEpoch.safeParse(openJws(jws)?.payload).data?.epoch;

export const hasNewerCopy = (store: Pick<Store, 'activation' | 'newestCommands'>): boolean =>
  isSuperseded(store.activation(), store.newestCommands(MAX_COMMANDS), epochOf);
