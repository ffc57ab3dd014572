// One node of NATS or three: the profile `cluster` chooses at the first start, and the choice is kept. A cluster does not take over
// the data of a single node, and one node of three does not answer alone. So a start with the other choice stops here.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Each node: its service in docker-compose.yml, and its name on the network that is the nodes' own. */
const all = [
  { service: 'nats', node: 'node-1' },
  { service: 'nats-2', node: 'node-2' },
  { service: 'nats-3', node: 'node-3' },
] as const;
export type Node = (typeof all)[number];

/**
 * The profile writes `markFile` at each start, and this function removes it. Throws an Error with one sentence if the choice differs
 * from that of the first start.
 */
export const chosenNodes = (
  keysDir: string,
  markFile: string,
): readonly [Node] | readonly [Node, Node, Node] => {
  const wanted = existsSync(markFile) ? '3' : '1';
  rmSync(markFile, { force: true });
  const file = path.join(keysDir, 'nodes');
  // A deployment with secrets but without this file is older than the choice.
  const before = existsSync(path.join(keysDir, 'secrets')) ? '1' : wanted;
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : before;
  if (kept !== wanted)
    throw new Error(
      kept === '3'
        ? 'This deployment has three nodes of NATS: start it with --profile cluster, or COMPOSE_PROFILES=cluster.'
        : 'This deployment has one node of NATS, whose streams a cluster does not take over: start it without the profile cluster, or bring it to three by a backup (docs/containers/nats-cluster.md).',
    );
  writeFileSync(file, `${kept}\n`, { mode: 0o600 });
  return wanted === '3' ? all : [all[0]];
};
