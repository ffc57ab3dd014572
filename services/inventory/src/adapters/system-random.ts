import { randomInt } from 'node:crypto';
import { newId } from '@calbus/runtime/ids';
import type { Random } from '../rules/ruling.ts';

/** Chance from the operating system. */
export const systemRandom: Random = { id: newId, between: (min, max) => randomInt(min, max + 1) };
