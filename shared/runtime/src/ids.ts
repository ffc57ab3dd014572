import { randomFillSync } from 'node:crypto';

const ID_BYTES = 16;
/** Asking the operating system for the bytes of each id by itself costs several times what all the rest of it does. */
const pool = Buffer.allocUnsafe(ID_BYTES * 256);
let used = pool.length;

const nextBytes = (): string => {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += ID_BYTES;
  return pool.toString('base64url', used - ID_BYTES, used);
};

/** A fresh random id: one subject token of 22 characters, 128 bits. None begins with a hyphen, which a command would take for an option. */
export const newId = (): string => {
  for (;;) {
    const id = nextBytes();
    if (!id.startsWith('-')) return id;
  }
};
