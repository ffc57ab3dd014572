import { randomBytes } from 'node:crypto';
import { newId } from '@calbus/runtime/ids';
import { identifierOf } from '../domain/identifiers.ts';
import type { Chance } from '../ports.ts';

export const cryptoChance: Chance = {
  id: newId,
  identifier: () => {
    for (;;) {
      const id = identifierOf(randomBytes(64));
      if (id !== undefined) return id;
    }
  },
};
