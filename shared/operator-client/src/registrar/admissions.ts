// Admits and removes terminal servers while everything runs. Only the registrar's profile may do it.

import { setTimeout as sleep } from 'node:timers/promises';
import { nkeys } from 'nats';
import { terminalServerInbox } from '@calbus/contracts/identities';
import { token } from '@calbus/contracts/tokens';
import type { AdmissionEntries } from '@calbus/contracts/admission-list';
import { connectAsIdentity } from '../nats-connection.ts';
import { Problem } from '../problem.ts';
import { natsEndpoint, type Profile } from '../profile.ts';
import { changeAdmissions, type AdmissionChangeResult } from './admission-change.ts';
import { readAdmissionList } from './admission-list.ts';
import {
  connectNatsNodes,
  registrarProfile,
  type NatsNodes,
  type TerminalServerConnection,
} from './nats-nodes.ts';

const PROOF_TIMEOUT_MS = 10_000;
const PROOF_RETRY_DELAY_MS = 100;
const DISCONNECT_TIMEOUT_MS = 10_000;
const DISCONNECT_POLL_INTERVAL_MS = 200;

export type KeyPair = { readonly publicKey: string; readonly seed: string };

export const newKeyPair = (): KeyPair => {
  const pair = nkeys.createUser();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
};

const assertId = (id: string): void => {
  if (!token.safeParse(id).success)
    throw new Problem('BAD_ID', 'The id of a terminal server has 1 to 64 letters, digits, _ and -.');
};

/** Throws a Problem where the text is no public nkey of a user. The message never repeats a private key. */
const assertPublicKey = (text: string): void => {
  if (/^S/i.test(text))
    throw new Problem(
      'BAD_KEY',
      'That is the private half, which nobody else should see: make a new pair, and give what begins with U.',
    );
  try {
    nkeys.fromPublic(text);
    if (text.startsWith('U')) return;
  } catch {
    // falls through to the error below
  }
  throw new Problem('BAD_KEY', 'That is no public nkey of a user: 56 letters and digits that begin with U.');
};

const withNodes = async <T>(profile: Profile, act: (nodes: NatsNodes) => Promise<T>): Promise<T> => {
  const nodes = await connectNatsNodes(profile);
  try {
    return await act(nodes);
  } finally {
    await nodes.close();
  }
};

/** Connects as the new terminal server will. */
const proveConnection = async (profile: Profile, id: string, seed: string): Promise<void> => {
  const options = {
    name: `calbus terminal-server add ${id}`,
    inboxPrefix: terminalServerInbox(id),
    reconnect: false,
  };
  const endpoint = natsEndpoint(profile);
  for (const deadline = performance.now() + PROOF_TIMEOUT_MS; ; await sleep(PROOF_RETRY_DELAY_MS)) {
    try {
      return await (await connectAsIdentity(endpoint, seed, options)).close();
    } catch {
      if (performance.now() < deadline) continue;
      throw new Problem(
        'NOT_TAKEN',
        `NATS has read its configuration again and does not know the new identity: is ${registrarProfile(profile).folder} the folder that it includes? The list is as it was.`,
      );
    }
  }
};

export type NewTerminalServer = {
  readonly id: string;
  readonly publicKey: string;
  /** Present where the client made the key pair. A trial connection then proves that NATS accepts it. */
  readonly seed?: string;
  /** Runs before the list changes, for example to write the seed. It may throw a Problem. */
  readonly prepare?: () => void;
};

/** The list with the terminal server; the same list where it has it already. */
const withTerminalServer = (
  list: AdmissionEntries,
  { id, publicKey, prepare }: NewTerminalServer,
): AdmissionEntries => {
  const entry = list[id];
  if (entry?.publicKey === publicKey) return list;
  if (entry)
    throw new Problem(
      'ID_TAKEN',
      `There is a terminal server ${id} with another key: name another id, or remove that one first.`,
    );
  const other = Object.entries(list).find(([, t]) => t.publicKey === publicKey);
  if (other)
    throw new Problem('KEY_TAKEN', `That key is terminal server ${other[0]}'s: each has one of its own.`);
  prepare?.();
  return { ...list, [id]: { publicKey, since: Date.now() } };
};

/** `already`: the same terminal server was admitted before. */
export const admitTerminalServer = async (
  profile: Profile,
  added: NewTerminalServer,
): Promise<AdmissionChangeResult & { readonly already: boolean }> => {
  const { id, publicKey, seed } = added;
  assertId(id);
  assertPublicKey(publicKey);
  const { folder } = registrarProfile(profile);
  return withNodes(profile, async (nodes) => {
    let already = false;
    const result = await changeAdmissions({
      folder,
      nodes,
      to: (list) => {
        const after = withTerminalServer(list, added);
        already = after === list;
        return after;
      },
      ...(seed === undefined ? {} : { prove: () => proveConnection(profile, id, seed) }),
    });
    return { ...result, already };
  });
};

const waitForDisconnect = async (nodes: NatsNodes, expected: number, publicKey: string): Promise<void> => {
  for (
    const deadline = performance.now() + DISCONNECT_TIMEOUT_MS;
    ;
    await sleep(DISCONNECT_POLL_INTERVAL_MS)
  ) {
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

/** Returns when every node that answers has closed the connections. Throws a Problem where a node did not answer. */
export const removeTerminalServer = async (
  profile: Profile,
  id: string,
): Promise<AdmissionChangeResult & { readonly publicKey: string }> => {
  assertId(id);
  return withNodes(profile, async (nodes) => {
    let publicKey: string | undefined;
    // The change also runs for an id that is off the list: an interrupted command may not have told the nodes.
    const result = await changeAdmissions({
      folder: registrarProfile(profile).folder,
      nodes,
      to: ({ [id]: removed, ...others }) => {
        publicKey = removed?.publicKey;
        return others;
      },
    });
    if (publicKey === undefined)
      throw new Problem(
        'UNKNOWN_TERMINAL_SERVER',
        `There is no terminal server ${id}: calbus terminal-server list shows those there are.`,
      );
    await waitForDisconnect(nodes, result.nodes.length, publicKey);
    if (result.silent > 0)
      throw new Problem(
        'NOT_ALL_NODES',
        `Terminal server ${id} is removed, but ${result.silent} of NATS' nodes did not answer: one that runs lets it in until calbus terminal-server reload reaches it.`,
        { id, publicKey, ...result },
      );
    return { ...result, publicKey };
  });
};

/** Tells every node to read the list again. */
export const reloadAdmissions = (profile: Profile): Promise<AdmissionChangeResult> =>
  withNodes(profile, (nodes) =>
    changeAdmissions({ folder: registrarProfile(profile).folder, nodes, to: (list) => list }),
  );

type Connections = {
  /** The code of the problem that kept the nodes from being asked. */
  readonly problem?: string;
  readonly connections: readonly TerminalServerConnection[];
  readonly silent: number;
};

const readConnections = async (profile: Profile): Promise<Connections> => {
  try {
    return await withNodes(profile, async (nodes) => {
      const { nodes: answered, expected } = await nodes.present();
      const connections = await nodes.connections(answered.length);
      return { connections, silent: Math.max(0, expected - answered.length) };
    });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { problem: error.code, connections: [], silent: 0 };
  }
};

/** Every admitted terminal server with its connections. */
export const listAdmissions = async (profile: Profile) => {
  const admitted = readAdmissionList(registrarProfile(profile).folder);
  const { connections, silent, problem } = await readConnections(profile);
  const terminalServers = Object.entries(admitted)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, { publicKey, since }]) => {
      const own = connections.filter((c) => c.publicKey === publicKey);
      const open = own.filter((c) => c.open);
      return {
        id,
        publicKey,
        since,
        connected: problem === undefined ? open.length > 0 : null,
        connections: open.map(({ node, ip, since }) => ({ node, ip, since })),
        /** NATS remembers connections from its own start on. */
        lastHeard: own.length === 0 ? null : Math.max(...own.map((c) => c.lastHeard)),
      };
    });
  return { terminalServers, silent, problem: problem ?? null };
};
