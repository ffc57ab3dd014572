import path from 'node:path';

/** The absolute path of the repository. */
export const repositoryRoot = path.resolve(import.meta.dirname, '../../..');
