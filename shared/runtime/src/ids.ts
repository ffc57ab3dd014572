import { randomBytes } from 'node:crypto';

/** A fresh random id: one subject token of 22 characters, 128 bits. None begins with a hyphen, which a command would take for an option. */
export const newId = (): string => {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
};
