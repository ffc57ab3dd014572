import { readFileSync } from 'node:fs';

const readVersion = (): string => {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { readonly version?: unknown };
  if (typeof version !== 'string') throw new Error('the package of calbus states no version');
  return version;
};

/** The version of calbus, as this package states it. */
export const version = readVersion();
