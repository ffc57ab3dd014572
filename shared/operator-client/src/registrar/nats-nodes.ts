// The NATS nodes over the servers' own account (SYS), which only the registrar may use: which nodes answer, which terminal servers
// are connected to them, and the order to read their configuration again.

import { createInbox, type NatsConnection } from 'nats';
import { z } from 'zod';
import { identities } from '@calbus/contracts/identities';
import { connectAsIdentity } from '../nats-connection.ts';
import { Problem } from '../problem.ts';
import { natsEndpoint, readSecret, type Profile } from '../profile.ts';

const ANSWER_TIMEOUT_MS = 5_000;
/** A node needs a while to read its configuration. */
const RELOAD_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 65_536;
/** In NATS' numbering of connection states: open and closed ones. */
const OPEN_AND_CLOSED = 2;

const server = z.object({ id: z.string(), name: z.string() });
/** Every node of a cluster knows the cluster's size, with nodes that are down or cut off. A single node states none. */
const pong = z.object({
  server,
  statsz: z.object({
    jetstream: z.object({ meta: z.object({ cluster_size: z.int().optional() }).optional() }).optional(),
  }),
});
const connection = z.object({
  authorized_user: z.string().optional(),
  ip: z.string().optional(),
  start: z.string(),
  last_activity: z.string(),
  stop: z.string().optional(),
});
const connections = z.object({
  server,
  data: z.object({ connections: z.array(connection).nullish() }),
});
const reloaded = z.object({ server, error: z.object({ description: z.string() }).optional() });

export type NatsNode = { readonly id: string; readonly name: string };
export type TerminalServerConnection = {
  readonly node: string;
  readonly publicKey: string;
  readonly ip: string;
  readonly open: boolean;
  readonly since: number;
  readonly lastHeard: number;
};

export type NatsNodes = {
  /** The nodes that answer, and the number of nodes of the cluster. */
  readonly present: () => Promise<{ readonly nodes: readonly NatsNode[]; readonly expected: number }>;
  /** By node the reason why it kept its configuration; undefined where it took the new one. */
  readonly reload: (nodes: readonly NatsNode[]) => Promise<ReadonlyMap<string, string | undefined>>;
  /** The open connections, and those that closed after the start of the nodes. */
  readonly connections: (expected: number) => Promise<readonly TerminalServerConnection[]>;
  readonly close: () => Promise<void>;
};

export type RegistrarProfile = NonNullable<Profile['registrar']>;

export const registrarProfile = (profile: Profile): RegistrarProfile => {
  if (profile.registrar) return profile.registrar;
  throw new Problem(
    'NOT_PERMITTED',
    "This profile may not admit terminal servers: name the registrar's with --profile (npm start writes .calbus/registrar.json).",
  );
};

const connectAsRegistrar = async (profile: Profile): Promise<NatsConnection> => {
  const { seedFile } = registrarProfile(profile);
  const seed = readSecret(seedFile);
  // A file that cannot be read is not a server that does not answer.
  const endpoint = natsEndpoint(profile);
  try {
    return await connectAsIdentity(endpoint, seed, {
      name: 'calbus terminal-server',
      inboxPrefix: identities.registrar.inbox,
      reconnect: false,
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'AUTHORIZATION_VIOLATION')
      throw new Problem(
        'NOT_PERMITTED',
        `NATS does not know ${seedFile} as the registrar's: the seed is another deployment's, or NATS runs with a configuration from before there was a registrar.`,
      );
    throw new Problem(
      'UNREACHABLE',
      `NATS does not answer at ${profile.natsUrl}, so nothing was changed: is calbus running? \`npm start\` starts it.`,
    );
  }
};

/** All answers to a question to all nodes, until there are enough, or until the timeout. */
const gather = async <T>(
  nc: NatsConnection,
  subject: string,
  question: object,
  schema: z.ZodType<T>,
  enough: (answers: readonly T[]) => boolean,
): Promise<T[]> => {
  const answers: T[] = [];
  const reply = createInbox(identities.registrar.inbox);
  const sub = nc.subscribe(reply, { timeout: ANSWER_TIMEOUT_MS });
  const timer = setTimeout(() => sub.unsubscribe(), ANSWER_TIMEOUT_MS);
  nc.publish(subject, JSON.stringify(question), { reply });
  try {
    for await (const m of sub) {
      if (m.data.length === 0) break;
      const parsed = schema.safeParse(m.json());
      if (parsed.success) answers.push(parsed.data);
      if (enough(answers)) break;
    }
  } catch {
    // After the timeout the answers so far are the result.
  } finally {
    clearTimeout(timer);
    sub.unsubscribe();
  }
  return answers;
};

const clusterSize = (answers: readonly z.infer<typeof pong>[]): number =>
  Math.max(1, ...answers.map((a) => a.statsz.jetstream?.meta?.cluster_size ?? 1));

const reloadNode = async (nc: NatsConnection, { id, name }: NatsNode) => {
  try {
    const options = { timeout: RELOAD_TIMEOUT_MS };
    const answer = reloaded.parse((await nc.request(`$SYS.REQ.SERVER.${id}.RELOAD`, '', options)).json());
    return [name, answer.error?.description.trim()] as const;
  } catch {
    return [name, 'it does not answer; a nats-server before 2.10 cannot be told'] as const;
  }
};

const readConnections = async (nc: NatsConnection, expected: number): Promise<TerminalServerConnection[]> => {
  const question = { auth: true, state: OPEN_AND_CLOSED, limit: MAX_CONNECTIONS };
  const subject = '$SYS.REQ.ACCOUNT.TS.CONNZ';
  const answers = await gather(nc, subject, question, connections, (a) => a.length >= expected);
  return answers.flatMap(({ server, data }) =>
    (data.connections ?? []).map((c) => ({
      node: server.name,
      publicKey: c.authorized_user ?? '',
      ip: c.ip ?? '',
      open: c.stop === undefined,
      since: Date.parse(c.start),
      lastHeard: Date.parse(c.last_activity),
    })),
  );
};

export const connectNatsNodes = async (profile: Profile): Promise<NatsNodes> => {
  const nc = await connectAsRegistrar(profile);
  return {
    present: async () => {
      const subject = '$SYS.REQ.SERVER.PING';
      const answers = await gather(nc, subject, {}, pong, (a) => a.length >= clusterSize(a));
      return { nodes: answers.map((a) => a.server), expected: clusterSize(answers) };
    },
    reload: async (nodes) => new Map(await Promise.all(nodes.map((node) => reloadNode(nc, node)))),
    connections: (expected) => readConnections(nc, expected),
    close: () => nc.close(),
  };
};
