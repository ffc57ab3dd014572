// Who may connect, and who does.

import { dim, json, say, table, time, yellow } from '../../print.ts';
import { Problem } from '@calbus/operator-client/problem';
import type { Profile } from '@calbus/operator-client/profile';
import { readAdmissionList } from '@calbus/operator-client/registrar/admission-list';
import {
  connectNatsNodes,
  registrarProfile,
  type TerminalServerConnection,
} from '@calbus/operator-client/registrar/nats-nodes';

type Seen = {
  readonly problem?: string;
  readonly connections: readonly TerminalServerConnection[];
  readonly silent: number;
};

const look = async (profile: Profile): Promise<Seen> => {
  try {
    const nodes = await connectNatsNodes(profile);
    try {
      const { nodes: answered, expected } = await nodes.present();
      const connections = await nodes.connections(answered.length);
      return { connections, silent: Math.max(0, expected - answered.length) };
    } finally {
      await nodes.close();
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { problem: error.code, connections: [], silent: 0 };
  }
};

export const list = async (profile: Profile, asJson: boolean): Promise<void> => {
  const admitted = readAdmissionList(registrarProfile(profile).folder);
  const seen = await look(profile);
  const rows = Object.entries(admitted)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, { publicKey, since }]) => {
      const its = seen.connections.filter((c) => c.publicKey === publicKey);
      const open = its.filter((c) => c.open);
      return {
        id,
        publicKey,
        since,
        connected: seen.problem === undefined ? open.length > 0 : null,
        connections: open.map(({ node, ip, since }) => ({ node, ip, since })),
        /** Of what NATS remembers since it started. */
        lastHeard: its.length === 0 ? null : Math.max(...its.map((c) => c.lastHeard)),
      };
    });
  if (asJson) return json({ terminalServers: rows, silent: seen.silent, problem: seen.problem ?? null });
  if (rows.length === 0) say('No terminal server is admitted: calbus terminal-server add.');
  else
    table(
      ['terminal server', 'public key', 'since (UTC)', 'connected', 'last heard (UTC)'],
      rows.map((r) => [
        r.id,
        r.publicKey,
        time(r.since),
        r.connected === null ? 'unknown' : r.connections.map((c) => c.ip).join(', ') || 'no',
        r.lastHeard === null ? '' : time(r.lastHeard),
      ]),
    );
  if (seen.problem !== undefined) say(yellow(`Who is connected is unknown (${seen.problem}).`));
  if (seen.silent > 0) say(yellow(`${seen.silent} of NATS' nodes did not answer.`));
  say(dim('Last heard: of what NATS remembers since it started. How each stands: calbus terminal-servers.'));
};
