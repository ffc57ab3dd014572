// One client, from its first frame until its bytes are relayed: the handshake is handed on to the server behind, the client is
// licensed before the server hears of its log-on, and where it is denied it is told so and the server never does.

import type { Duplex } from 'node:stream';
import type { Log } from '@calbus/runtime/log';
import { receiveServerFrame } from '../domain/backend-licensing.ts';
import { success, type Success } from '../domain/bytes.ts';
import {
  initialSequence,
  receiveClientFrame,
  isExpectedAnswer,
  type ConnectedClient,
} from '../domain/connection-sequence.ts';
import { encodeSetErrorInfo } from '../domain/error-info.ts';
import {
  decodeConnectionConfirm,
  decodeConnectionRequest,
  encodeNegotiationFailure,
  SSL_REQUIRED_BY_SERVER,
  TLS,
} from '../domain/x224.ts';
import type {
  GatewayMetrics,
  HangUpReason,
  Licensing,
  Peer,
  ConnectToServer,
  TemporaryLicense,
} from '../ports.ts';
import type { LicensingContext } from '../domain/license-exchange.ts';
import type { Random } from '../ports.ts';
import { licenseClient, type LicensingDeps } from './client-licensing.ts';
import type { LogOnTracker } from './log-on-tracker.ts';

export type SessionDeps = {
  readonly connectToServer: ConnectToServer;
  readonly licensing: Licensing;
  readonly context: LicensingContext;
  readonly random: Random;
  readonly logOns: LogOnTracker;
  readonly log: Log;
  readonly gatewayMetrics: Pick<GatewayMetrics, 'decided'>;
};

/** Two streams to be joined, and what to do when they have ended. */
export type Session = { readonly client: Duplex; readonly server: Duplex; readonly ended: () => void };

type SessionFailure = { readonly ok: false; readonly why: string; readonly reason: HangUpReason };

const sessionFailure = (reason: HangUpReason, why: string): SessionFailure => ({ ok: false, why, reason });
const serverSilent = (why: string): SessionFailure =>
  sessionFailure('server', `the RDP server does not answer: ${why}`);

type SessionResult<T> = Success<T> | SessionFailure;

const negotiateTls = async (
  client: Peer,
  server: Peer,
  request: Uint8Array,
): Promise<SessionResult<null>> => {
  // As it came: the server repeats in its core data what the client asked for, and clients compare it.
  server.send(request);
  const frame = await server.next();
  if (!frame.ok) return serverSilent(frame.why);
  const confirmed = decodeConnectionConfirm(frame.value);
  if (!confirmed.ok) return sessionFailure('server', `the RDP server answers wrongly: ${confirmed.why}`);
  if (confirmed.value.kind !== 'chosen' || confirmed.value.protocol !== TLS)
    return sessionFailure(
      'server',
      'the RDP server does not speak RDP under TLS without NLA: let it (xrdp: security_layer=tls)',
    );
  client.send(frame.value);
  // Both at once, and this one before anything of the client can come.
  const [towardsClient, towardsServer] = await Promise.all([client.startTls(), server.startTls()]);
  if (!towardsClient.ok) return sessionFailure('wrong', `no TLS with the client: ${towardsClient.why}`);
  return towardsServer.ok
    ? success(null)
    : sessionFailure('server', `no TLS with the RDP server: ${towardsServer.why}`);
};

type IntroducedClient = { readonly client: ConnectedClient; readonly info: Uint8Array };

/** Hands everything on, both ways, up to Client Info, which is kept back. */
const runConnectionSequence = async (
  client: Peer,
  server: Peer,
): Promise<SessionResult<IntroducedClient>> => {
  for (let at = initialSequence; ;) {
    const frame = await client.next();
    if (!frame.ok) return sessionFailure('wrong', frame.why);
    const step = receiveClientFrame(at, frame.value);
    if (!step.ok) return sessionFailure('wrong', step.why);
    if (step.value.kind === 'connected') return success({ client: step.value.client, info: frame.value });
    server.send(frame.value);
    if (step.value.answer !== null) {
      const answer = await server.next();
      if (!answer.ok) return serverSilent(answer.why);
      if (!isExpectedAnswer(answer.value, step.value.answer))
        return sessionFailure('server', 'the RDP server answers out of order');
      client.send(answer.value);
    }
    at = step.value.next;
  }
};

/** Gives the server Client Info, and gets its own licensing out of the way. */
const admitToServer = async (
  server: Peer,
  { client, info }: IntroducedClient,
): Promise<SessionResult<null>> => {
  server.send(info);
  for (let answered = false; ; answered = true) {
    const frame = await server.next();
    if (!frame.ok) return serverSilent(frame.why);
    const step = receiveServerFrame(frame.value, client, answered);
    if (!step.ok) return sessionFailure('server', step.why);
    if (step.value.kind === 'over') return success(null);
    server.send(step.value.frame);
  }
};

const establishSession = async (
  d: SessionDeps & LicensingDeps,
  client: Peer,
  server: Peer,
  request: Uint8Array,
) => {
  const secured = await negotiateTls(client, server, request);
  if (!secured.ok) return secured;
  const met = await runConnectionSequence(client, server);
  if (!met.ok) return met;
  const { channel, clientName, user } = met.value.client;
  const licensed = await licenseClient(d, client, { channel, clientName });
  if (!licensed.ok) return sessionFailure('wrong', licensed.why);
  if (licensed.value.denied !== null) {
    client.send(encodeSetErrorInfo(channel, licensed.value.denied));
    return sessionFailure('denied', 'it was denied');
  }
  const inside = await admitToServer(server, met.value);
  return inside.ok ? success({ user, temporary: licensed.value.temporary }) : inside;
};

const toSession = (
  d: SessionDeps,
  client: Peer,
  server: Peer,
  who: { user: string; temporary: TemporaryLicense | null },
) => {
  const ended = d.logOns.track({ address: server.address, ...who });
  return success<Session>({ client: client.release(), server: server.release(), ended });
};

export type OpenResult = SessionResult<Session>;

/** Whoever does not become a session is hung up on, after what it was sent last. */
export const openSession = async (d: SessionDeps, client: Peer, signal: AbortSignal): Promise<OpenResult> => {
  const began = performance.now();
  const decided: LicensingDeps['onDecision'] = (admitted) =>
    d.gatewayMetrics.decided(admitted, performance.now() - began);
  const request = await client.next();
  if (!request.ok) return sessionFailure('wrong', request.why);
  const asked = decodeConnectionRequest(request.value);
  if (!asked.ok) return sessionFailure('wrong', asked.why);
  if ((asked.value.protocols & TLS) === 0) {
    client.send(encodeNegotiationFailure(SSL_REQUIRED_BY_SERVER));
    return sessionFailure('no-tls', 'the client does not speak TLS');
  }
  const server = await d.connectToServer(signal);
  if (!server.ok) return sessionFailure('server', server.why);
  const met = await establishSession({ ...d, onDecision: decided }, client, server.value, request.value);
  if (met.ok) return toSession(d, client, server.value, met.value);
  server.value.close();
  return met;
};
