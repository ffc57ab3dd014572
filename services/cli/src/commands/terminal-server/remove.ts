// Revokes a terminal server's identity: its connections are closed, and it cannot come back.

import { setTimeout as sleep } from 'node:timers/promises';
import { dim, green, json, say } from '../../print.ts';
import { Problem } from '@calbus/operator-client/problem';
import type { Profile } from '@calbus/operator-client/profile';
import { assertId, sayNodes } from './add.ts';
import { changeAdmissions } from '@calbus/operator-client/registrar/admission-change';
import {
  connectNatsNodes,
  registrarProfile,
  type NatsNodes,
} from '@calbus/operator-client/registrar/nats-nodes';

const GONE_MS = 10_000;

const untilGone = async (nodes: NatsNodes, expected: number, publicKey: string): Promise<void> => {
  for (const deadline = performance.now() + GONE_MS; ; await sleep(200)) {
    const open = (await nodes.connections(expected)).filter((c) => c.open && c.publicKey === publicKey);
    if (open.length === 0) return;
    if (performance.now() < deadline) continue;
    const where = [...new Set(open.map((c) => c.node))].join(', ');
    throw new Problem(
      'STILL_CONNECTED',
      `It is off the list, and still connected to ${where}: does that node include this folder? Look there, then: calbus terminal-server reload.`,
    );
  }
};

export const remove = async (profile: Profile, id: string, asJson: boolean): Promise<void> => {
  assertId(id);
  const nodes = await connectNatsNodes(profile);
  try {
    let publicKey: string | undefined;
    // Also where it is off the list already: a command that was interrupted may not have told the nodes.
    const changed = await changeAdmissions({
      folder: registrarProfile(profile).folder,
      nodes,
      to: ({ [id]: gone, ...others }) => {
        publicKey = gone?.publicKey;
        return others;
      },
    });
    if (publicKey === undefined)
      throw new Problem(
        'UNKNOWN_TERMINAL_SERVER',
        `There is no terminal server ${id}: calbus terminal-server list shows those there are.`,
      );
    await untilGone(nodes, changed.nodes.length, publicKey);
    if (changed.silent > 0)
      throw new Problem(
        'NOT_ALL_NODES',
        `Terminal server ${id} is removed, but ${changed.silent} of NATS' nodes did not answer: one that runs lets it in until calbus terminal-server reload reaches it.`,
        { id, publicKey, ...changed },
      );
    if (asJson) return json({ id, publicKey, ...changed });
    say(green(`Terminal server ${id} is removed: it was disconnected and cannot come back.`));
    sayNodes(changed);
    say(
      dim('Licenses stay with their devices. What it had asked within the last minute may still be decided.'),
    );
  } finally {
    await nodes.close();
  }
};

/** Tells every node to read the list again, for one that was away. */
export const reload = async (profile: Profile, asJson: boolean): Promise<void> => {
  const nodes = await connectNatsNodes(profile);
  try {
    const changed = await changeAdmissions({
      folder: registrarProfile(profile).folder,
      nodes,
      to: (list) => list,
    });
    if (asJson) return json(changed);
    sayNodes(changed);
  } finally {
    await nodes.close();
  }
};
