import { randomBytes } from 'node:crypto';
import { newId } from '@calbus/runtime/ids';
import { identifierFrom } from '../domain/identifiers.ts';
import type { Random } from '../ports.ts';

export const cryptoRandom: Random = {
  id: newId,
  identifier: () => {
    for (;;) {
      const id = identifierFrom(randomBytes(64));
      if (id !== undefined) return id;
    }
  },
};
