import { randomBytes } from 'node:crypto';

/** A fresh random id: one subject token of 22 characters, 128 bits. */
export const newId = (): string => randomBytes(16).toString('base64url');
