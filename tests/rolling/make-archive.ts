// Writes the archive of the earlier release out of the repository's history: node tests/rolling/make-archive.ts

import { writeFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';
import { archiveFile, earlier, tarFromHistory } from './earlier-release.ts';

const tar = await tarFromHistory();
if (!tar) throw new Error(`The history of this checkout does not hold ${earlier.commit}.`);
const compressed = brotliCompressSync(tar, {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: tar.length,
  },
});
writeFileSync(archiveFile, compressed);
console.log(`${archiveFile}: ${compressed.length} bytes`);
