// The nodes of NATS, as the registrar sees them over the servers' own account: which there are, who of the terminal servers is
// connected to them, and that they read their configuration again.

import { createInbox, nkeyAuthenticator, type NatsConnection } from 'nats';
import { z } from 'zod';
import { identities } from '@calbus/contracts/identities';
import { natsTlsOptions } from '@calbus/runtime/nats-tls';
import { connectNats } from '../nats-connection.ts';
import { Problem } from '../problem.ts';
import { natsEndpoint, readSecret, type Profile } from '../profile.ts';

const ANSWER_MS = 5_000;
/** A node that hangs is not waited for longer; one that is asked to read its configuration works for a while. */
const RELOAD_MS = 10_000;

const server = z.object({ id: z.string(), name: z.string() });
/** Of three nodes each knows how many there are, also of those that are down or cut off; one that stands alone says nothing. */
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
  /** Those that answer, and how many there should be. */
  readonly present: () => Promise<{ readonly nodes: readonly NatsNode[]; readonly expected: number }>;
  /** By node, why it kept the configuration that it had; undefined where it took the new one. */
  readonly reload: (nodes: readonly NatsNode[]) => Promise<ReadonlyMap<string, string | undefined>>;
  /** Those that are open, and those that were closed since the nodes started. */
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

/** All answers to a question to all, until as many came as there should be, or nobody more is waited for. */
const gather = async <T>(
  nc: NatsConnection,
  subject: string,
  question: object,
  schema: z.ZodType<T>,
  enough: (answers: readonly T[]) => boolean,
): Promise<T[]> => {
  const answers: T[] = [];
  const reply = createInbox(identities.registrar.inbox);
  const sub = nc.subscribe(reply, { timeout: ANSWER_MS });
  const timer = setTimeout(() => sub.unsubscribe(), ANSWER_MS);
  nc.publish(subject, JSON.stringify(question), { reply });
  try {
    for await (const m of sub) {
      if (m.data.length === 0) break;
      const parsed = schema.safeParse(m.json());
      if (parsed.success) answers.push(parsed.data);
      if (enough(answers)) break;
    }
  } catch {
    // nobody answered in time: what came is the answer
  } finally {
    clearTimeout(timer);
    sub.unsubscribe();
  }
  return answers;
};

const MOST_CONNECTIONS = 65_536;
const OPEN_AND_CLOSED = 2;

export const connectNatsNodes = async (profile: Profile): Promise<NatsNodes> => {
  const seed = readSecret(registrarProfile(profile).seedFile);
  const { servers, ca } = natsEndpoint(profile);
  let nc: NatsConnection;
  try {
    nc = await connectNats(servers, {
      ...natsTlsOptions(servers, ca),
      name: 'calbus terminal-server',
      authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
      inboxPrefix: identities.registrar.inbox,
      reconnect: false,
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'AUTHORIZATION_VIOLATION')
      throw new Problem(
        'NOT_PERMITTED',
        `NATS does not know ${registrarProfile(profile).seedFile} as the registrar's: the seed is another deployment's, or NATS runs with a configuration from before there was a registrar.`,
      );
    throw new Problem(
      'UNREACHABLE',
      `NATS does not answer at ${profile.natsUrl}, so nothing was changed: is calbus running? \`npm start\` starts it.`,
    );
  }
  const expectedOf = (answers: readonly z.infer<typeof pong>[]): number =>
    Math.max(1, ...answers.map((a) => a.statsz.jetstream?.meta?.cluster_size ?? 1));
  return {
    present: async () => {
      const answers = await gather(nc, '$SYS.REQ.SERVER.PING', {}, pong, (a) => a.length >= expectedOf(a));
      return { nodes: answers.map((a) => a.server), expected: expectedOf(answers) };
    },
    reload: async (nodes) => {
      const outcomes = nodes.map(async ({ id, name }) => {
        try {
          const subject = `$SYS.REQ.SERVER.${id}.RELOAD`;
          const answer = reloaded.parse((await nc.request(subject, '', { timeout: RELOAD_MS })).json());
          return [name, answer.error?.description.trim()] as const;
        } catch {
          return [name, 'it does not answer; a nats-server before 2.10 cannot be told'] as const;
        }
      });
      return new Map(await Promise.all(outcomes));
    },
    connections: async (expected) => {
      const question = { auth: true, state: OPEN_AND_CLOSED, limit: MOST_CONNECTIONS };
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
    },
    close: () => nc.close(),
  };
};
