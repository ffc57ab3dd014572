// The key pair of a terminal server. The private half is written once, for the terminal server's administrator, and kept nowhere else.

import { rmSync, writeFileSync } from 'node:fs';
import { nkeys } from 'nats';
import { Problem } from '@calbus/operator-client/problem';

export type KeyPair = {
  readonly publicKey: string;
  /** A copy each time: the driver wipes what it was given. */
  readonly seed: () => Uint8Array;
};

export const newKeyPair = (): KeyPair => {
  const pair = nkeys.createUser();
  const seed = Uint8Array.from(pair.getSeed());
  return { publicKey: pair.getPublicKey(), seed: () => Uint8Array.from(seed) };
};

export const STANDARD_OUTPUT = '-';

/** Readable by its owner only, and never over a file that is there. Gives how to take it back. */
export const writeSeed = (file: string, pair: KeyPair): (() => void) => {
  const text = `${new TextDecoder().decode(pair.seed())}\n`;
  if (file === STANDARD_OUTPUT) return () => {};
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST')
      throw new Problem(
        'FILE_EXISTS',
        `${file} is there already and may be somebody's identity: name another.`,
      );
    throw new Problem(
      'CANNOT_WRITE',
      `${file} cannot be written (${code ?? 'error'}), so nothing was changed.`,
    );
  }
  return () => rmSync(file, { force: true });
};

export const saySeed = (pair: KeyPair): void => {
  process.stdout.write(`${new TextDecoder().decode(pair.seed())}\n`);
};

/** Throws a sentence where it is no public nkey of a user; a private one is not repeated. */
export const assertPublicKey = (text: string): void => {
  if (/^S/i.test(text))
    throw new Problem(
      'BAD_KEY',
      'That is the private half, which nobody else should see: make a new pair, and give what begins with U.',
    );
  try {
    nkeys.fromPublic(text);
    if (text.startsWith('U')) return;
  } catch {
    // said below
  }
  throw new Problem('BAD_KEY', 'That is no public nkey of a user: 56 letters and digits that begin with U.');
};
