import path from 'node:path';
import { repositoryRoot } from './repository.ts';

/** The lines that `npm start` prints last: how to use the commands in another terminal, for the data in `dataDir`. */
export const closingLines = (dataDir: string): readonly string[] => {
  const isDefault = dataDir === path.join(repositoryRoot, '.calbus');
  return [
    '',
    'calbus runs until Ctrl-C. In another terminal:',
    `  export PATH="${path.join(repositoryRoot, 'deploy/local/bin')}:$PATH"`,
    // The commands find the default profile from any folder of the repository.
    ...(isDefault
      ? [`  cd ${repositoryRoot}`]
      : [`  export CALBUS_PROFILE="${path.join(dataDir, 'operator.json')}"`]),
    '  calbus status      leader, ledger, stock      calbus watch      live counts and decisions',
    '  calbus licenses    who holds what             calbus --help     all commands',
  ];
};
