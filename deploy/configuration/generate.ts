// Writes docs/configuration.md from the schemas of the services. `--check` writes nothing and exits with 1 if the page differs.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as prettier from 'prettier';
import { configurationPage } from './page.ts';

const file = path.join(import.meta.dirname, '..', '..', 'docs', 'configuration.md');
const style = await prettier.resolveConfig(file);
const wanted = await prettier.format(configurationPage(), { ...style, parser: 'markdown' });
const read = (): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

if (!process.argv.includes('--check')) writeFileSync(file, wanted);
else if (read() !== wanted) {
  process.stderr.write('Run `npm run configuration`: docs/configuration.md differs from the schemas.\n');
  process.exitCode = 1;
}
