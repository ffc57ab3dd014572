import { randomInt } from 'node:crypto';
import { newId } from '@calbus/runtime/ids';
import type { Dice } from '../domain/decision.ts';

/** Chance from the operating system. */
export const cryptoDice: Dice = { id: newId, between: (min, max) => randomInt(min, max + 1) };
