import { z } from 'zod';
import { openJws } from '@calbus/licenses/jws';
import type { Command } from '../domain/command.ts';
import { isSuperseded } from '../domain/superseded.ts';
import type { Store } from '../ports.ts';

const LOOKED_AT = 100;
const ofEpoch = z.object({ epoch: z.int() });

/** Of the epoch under which a command was signed; undefined where it names none. */
export const epochOf = ({ jws }: Command): number | undefined =>
  ofEpoch.safeParse(openJws(jws)?.payload).data?.epoch;

export const superseded = (store: Pick<Store, 'activation' | 'newest'>): boolean =>
  isSuperseded(store.activation(), store.newest(LOOKED_AT), epochOf);
