// One client, from its first frame until its bytes are relayed: the handshake is handed on to the server behind, the client is
// licensed before the server hears of its log-on, and where it is denied it is told so and the server never does.

import type { Duplex } from 'node:stream';
import type { Log } from '@calbus/runtime/log';
import { serverFrameCame } from '../domain/behind.ts';
import { good, type Good } from '../domain/bytes.ts';
import { beginConnecting, clientFrameCame, isAnswer, type ConnectedClient } from '../domain/connecting.ts';
import { encodeSetErrorInfo } from '../domain/error-info.ts';
import {
  decodeConnectionConfirm,
  decodeConnectionRequest,
  encodeNegotiationFailure,
  SSL_REQUIRED_BY_SERVER,
  TLS,
} from '../domain/x224.ts';
import type { Counts, HangUp, Licensing, Peer, ReachServer, Temporary } from '../ports.ts';
import type { LicensingKit } from '../domain/licensing.ts';
import type { Randomness } from '../ports.ts';
import { licenseClient, type LicensingDeps } from './licensing.ts';
import type { LogOns } from './log-ons.ts';

export type SessionDeps = {
  readonly reach: ReachServer;
  readonly licensing: Licensing;
  readonly kit: LicensingKit;
  readonly random: Randomness;
  readonly logOns: LogOns;
  readonly log: Log;
  readonly counts: Pick<Counts, 'decided'>;
};

/** Two streams to be joined, and what to do when they have ended. */
export type Session = { readonly client: Duplex; readonly server: Duplex; readonly ended: () => void };

type HungUp = { readonly ok: false; readonly why: string; readonly reason: HangUp };

const hungUp = (reason: HangUp, why: string): HungUp => ({ ok: false, why, reason });
const silent = (why: string): HungUp => hungUp('server', `the RDP server does not answer: ${why}`);

type Or<T> = Good<T> | HungUp;

const chosen = async (client: Peer, server: Peer, request: Uint8Array): Promise<Or<null>> => {
  // As it came: the server repeats in its core data what the client asked for, and clients compare it.
  server.send(request);
  const frame = await server.next();
  if (!frame.ok) return silent(frame.why);
  const confirmed = decodeConnectionConfirm(frame.value);
  if (!confirmed.ok) return hungUp('server', `the RDP server answers wrongly: ${confirmed.why}`);
  if (confirmed.value.kind !== 'chosen' || confirmed.value.protocol !== TLS)
    return hungUp(
      'server',
      'the RDP server does not speak RDP under TLS without NLA: let it (xrdp: security_layer=tls)',
    );
  client.send(frame.value);
  // Both at once, and this one before anything of the client can come.
  const [towardsClient, towardsServer] = await Promise.all([client.secure(), server.secure()]);
  if (!towardsClient.ok) return hungUp('wrong', `no TLS with the client: ${towardsClient.why}`);
  return towardsServer.ok ? good(null) : hungUp('server', `no TLS with the RDP server: ${towardsServer.why}`);
};

type Introduced = { readonly client: ConnectedClient; readonly info: Uint8Array };

/** Hands everything on, both ways, up to Client Info, which is kept back. */
const introduced = async (client: Peer, server: Peer): Promise<Or<Introduced>> => {
  for (let at = beginConnecting; ;) {
    const frame = await client.next();
    if (!frame.ok) return hungUp('wrong', frame.why);
    const step = clientFrameCame(at, frame.value);
    if (!step.ok) return hungUp('wrong', step.why);
    if (step.value.kind === 'connected') return good({ client: step.value.client, info: frame.value });
    server.send(frame.value);
    if (step.value.answer !== null) {
      const answer = await server.next();
      if (!answer.ok) return silent(answer.why);
      if (!isAnswer(answer.value, step.value.answer))
        return hungUp('server', 'the RDP server answers out of order');
      client.send(answer.value);
    }
    at = step.value.next;
  }
};

/** Gives the server Client Info, and gets its own licensing out of the way. */
const letIn = async (server: Peer, { client, info }: Introduced): Promise<Or<null>> => {
  server.send(info);
  for (let answered = false; ; answered = true) {
    const frame = await server.next();
    if (!frame.ok) return silent(frame.why);
    const step = serverFrameCame(frame.value, client, answered);
    if (!step.ok) return hungUp('server', step.why);
    if (step.value.kind === 'over') return good(null);
    server.send(step.value.frame);
  }
};

const between = async (d: SessionDeps & LicensingDeps, client: Peer, server: Peer, request: Uint8Array) => {
  const secured = await chosen(client, server, request);
  if (!secured.ok) return secured;
  const met = await introduced(client, server);
  if (!met.ok) return met;
  const { channel, clientName, user } = met.value.client;
  const licensed = await licenseClient(d, client, { channel, clientName });
  if (!licensed.ok) return hungUp('wrong', licensed.why);
  if (licensed.value.denied !== null) {
    client.send(encodeSetErrorInfo(channel, licensed.value.denied));
    return hungUp('denied', 'it was denied');
  }
  const inside = await letIn(server, met.value);
  return inside.ok ? good({ user, temporary: licensed.value.temporary }) : inside;
};

const relayed = (
  d: SessionDeps,
  client: Peer,
  server: Peer,
  who: { user: string; temporary: Temporary | null },
) => {
  const ended = d.logOns.await({ address: server.address, ...who });
  return good<Session>({ client: client.release(), server: server.release(), ended });
};

export type Opened = Or<Session>;

/** Whoever does not become a session is hung up on, after what it was sent last. */
export const openSession = async (d: SessionDeps, client: Peer, signal: AbortSignal): Promise<Opened> => {
  const began = performance.now();
  const decided: LicensingDeps['decided'] = (admitted) =>
    d.counts.decided(admitted, performance.now() - began);
  const request = await client.next();
  if (!request.ok) return hungUp('wrong', request.why);
  const asked = decodeConnectionRequest(request.value);
  if (!asked.ok) return hungUp('wrong', asked.why);
  if ((asked.value.protocols & TLS) === 0) {
    client.send(encodeNegotiationFailure(SSL_REQUIRED_BY_SERVER));
    return hungUp('no-tls', 'the client does not speak TLS');
  }
  const server = await d.reach(signal);
  if (!server.ok) return hungUp('server', server.why);
  const met = await between({ ...d, decided }, client, server.value, request.value);
  if (met.ok) return relayed(d, client, server.value, met.value);
  server.value.close();
  return met;
};
