// The catalogue as an AsyncAPI 3.0 document: one channel for each subject, one for each party's inbox, and who sends and
// receives on them.

import { exchanges, parties, transports, type Exchange, type Party } from './src/catalogue.ts';
import type { Contract } from './src/envelope.ts';
import { described, jsonSchema } from './json-schemas.ts';

type Json = { readonly [key: string]: unknown };
type Named = Pick<Contract, 'type' | 'version'>;

const keyOf = (c: Named): string => `${c.type}.v${c.version}`;
const ref = (path: string): Json => ({ $ref: `#/${path}` });

const parameters: Readonly<Record<string, string>> = {
  terminalServerId: 'The id of the terminal server; it is its identity, and the body does not repeat it.',
  requestId: 'The id of the request that is decided.',
  term: 'The term of the leader that is addressed, from its head beacon.',
  service: 'The service that could not handle the message.',
};

const parametersOf = (subject: string): Json => {
  const names = [...subject.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? '');
  return Object.fromEntries(names.map((n) => [n, { description: parameters[n] ?? n }]));
};

const messagesOf = (messages: readonly Contract[]): Json =>
  Object.fromEntries(messages.map((c) => [keyOf(c), ref(`components/messages/${keyOf(c)}`)]));

const channel = (e: Exchange): Json => ({
  address: e.subject,
  description: transports[e.transport],
  parameters: parametersOf(e.subject),
  messages: messagesOf(e.messages),
});

const inboxOf = (party: Party): string => `inbox.${party}`;

const inboxes = (): [string, Json][] =>
  (Object.keys(parties) as Party[]).flatMap((party) => {
    const answers = exchanges.filter((e) => e.from.includes(party)).flatMap((e) => e.answers ?? []);
    if (answers.length === 0) return [];
    const description = `Answers to ${party}, on the reply subject it names within its own inbox.`;
    return [[inboxOf(party), { address: null, description, messages: messagesOf(answers) }]];
  });

const inChannel = (id: string, c: Contract): Json => ref(`channels/${id}/messages/${keyOf(c)}`);

const operation = (e: Exchange, action: 'send' | 'receive', party: Party): [string, Json] => {
  // An answer goes to the caller's inbox. If several parties may ask, the document names the inbox of the first.
  const asker = action === 'send' ? party : (e.from[0] ?? party);
  const reply = e.answers && {
    address: { location: '$message.header#/replyTo' },
    channel: ref(`channels/${inboxOf(asker)}`),
    messages: e.answers.map((c) => inChannel(inboxOf(asker), c)),
  };
  return [
    `${party}.${action}.${e.id}`,
    {
      action,
      channel: ref(`channels/${e.id}`),
      summary: `${party} ${action}s ${e.messages.map((c) => c.type).join(' or ')}.`,
      messages: e.messages.map((c) => inChannel(e.id, c)),
      ...(reply ? { reply } : {}),
    },
  ];
};

const message = (c: Named & { about: string }): Json => ({
  name: c.type,
  title: `${c.type}, version ${c.version}`,
  summary: c.about,
  contentType: 'application/json',
  payload: ref(`components/schemas/${keyOf(c)}`),
});

export const asyncapi = (version: string): Json => {
  const messages = exchanges.flatMap((e) => [...e.messages, ...(e.answers ?? [])]);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'calbus',
      version,
      description: 'What the parts of calbus say to each other over NATS. Generated; see docs/contracts.md.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: { nats: { host: 'localhost:4222', protocol: 'nats', description: 'NATS with JetStream.' } },
    channels: Object.fromEntries([...exchanges.map((e) => [e.id, channel(e)]), ...inboxes()]),
    operations: Object.fromEntries(
      exchanges.flatMap((e) => [
        ...e.from.map((party) => operation(e, 'send', party)),
        ...e.to.map((party) => operation(e, 'receive', party)),
      ]),
    ),
    components: {
      messages: Object.fromEntries(messages.map((c) => [keyOf(c), message(c)])),
      schemas: Object.fromEntries(described.map((d) => [keyOf(d), jsonSchema(d, 'draft-7')])),
    },
  };
};
