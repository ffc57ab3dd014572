// Looks for secrets in everything that a calbus has written: as they are, and as they look within what travels in base64.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** How a text looks in base64 of which it is a part, at each of the three places it can begin at. */
const inBase64 = (text: string): readonly string[] => {
  const { length } = Buffer.from(text);
  return [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), Buffer.from(text)])
      .toString('base64')
      .slice(Math.ceil((before * 8) / 6), Math.floor(((before + length) * 8) / 6)),
  );
};

/** All that a secret may look like. */
export const formsOf = (secret: string): readonly string[] => {
  const encoded = inBase64(secret);
  const forUrls = encoded.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  return [...new Set([secret, secret.toLowerCase(), ...encoded, ...forUrls])];
};

/** A license code as it travels and as people write it. */
export const formsOfCode = (grouped: string): readonly string[] => [
  ...formsOf(grouped),
  ...formsOf(grouped.replaceAll('-', '')),
];

const pem = formsOf('PRIVATE KEY-----').join('|').replaceAll('+', '\\+');
/** How the DER of every Ed25519 private key begins. */
const der = Buffer.from('302e020100300506032b657004220420', 'hex').toString('latin1');
/** A private key: PEM, a JWK, the same DER in base64, an nkey seed. */
const privateKeys = [
  new RegExp(pem),
  /"d" ?: ?"[A-Za-z0-9_-]{43}"/,
  /MC4CAQAwBQYDK2VwBCIEI/,
  /\bS[ACNOUX][A-Z2-7]{56}\b/,
];

export const holdsPrivateKey = (text: string): boolean =>
  text.includes(der) || privateKeys.some((looks) => looks.test(text));
export const holdsAny = (text: string, forms: readonly string[]): boolean =>
  forms.some((form) => text.includes(form));

/** Every file below, the hidden ones too. */
export function* filesIn(dir: string): Generator<string> {
  for (const name of readdirSync(dir)) {
    const file = path.join(dir, name);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isDirectory()) yield* filesIn(file);
    else if (found?.isFile()) yield file;
  }
}

/** The files below `dir`, named from there, in which `holds` is true. */
export const filesThat = (dir: string, holds: (text: string) => boolean): readonly string[] =>
  [...filesIn(dir)]
    .filter((file) => holds(readFileSync(file, 'latin1')))
    .map((file) => path.relative(dir, file));
