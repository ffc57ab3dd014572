import path from 'node:path';

/** The absolute path of the repository, from this file's own place in it. */
export const repositoryRoot = path.resolve(import.meta.dirname, '../../..');
