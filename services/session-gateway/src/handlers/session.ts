// One client, from its first frame to the relay. The gateway forwards the handshake to the RDP server, and licenses the client before the
// server gets Client Info. A denied client gets an error, and the server never learns of its log-on.

import type { Duplex } from 'node:stream';
import type { Log } from '@calbus/runtime/log';
import { receiveServerFrame } from '../domain/backend-licensing.ts';
import { success, type Success } from '../domain/result.ts';
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
  Random,
  TemporaryLicense,
} from '../ports.ts';
import type { LicensingContext } from '../domain/license-exchange.ts';
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

/** Two streams to relay. `ended` is called after the relay. */
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
  // Unchanged: the server repeats the requested protocols in its core data, and clients compare them.
  server.send(request);
  const frame = await server.next();
  if (!frame.ok) return serverSilent(frame.why);
  const confirmed = decodeConnectionConfirm(frame.value);
  if (!confirmed.ok)
    return sessionFailure('server', `the RDP server's connection confirm is malformed: ${confirmed.why}`);
  if (confirmed.value.kind !== 'chosen' || confirmed.value.protocol !== TLS)
    return sessionFailure(
      'server',
      'the RDP server does not speak RDP under TLS without NLA: let it (xrdp: security_layer=tls)',
    );
  client.send(frame.value);
  // In parallel, and before the client's next bytes can arrive.
  const [clientTls, serverTls] = await Promise.all([client.startTls(), server.startTls()]);
  if (!clientTls.ok) return sessionFailure('wrong', `no TLS with the client: ${clientTls.why}`);
  return serverTls.ok
    ? success(null)
    : sessionFailure('server', `no TLS with the RDP server: ${serverTls.why}`);
};

type IntroducedClient = { readonly client: ConnectedClient; readonly info: Uint8Array };

/** Forwards frames in both directions up to Client Info, which it withholds. */
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

/** Sends Client Info to the server, and answers the server's own licensing. */
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
    if (step.value.kind === 'done') return success(null);
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
  const sequence = await runConnectionSequence(client, server);
  if (!sequence.ok) return sequence;
  const { channel, clientName, user } = sequence.value.client;
  const licensed = await licenseClient(d, client, { channel, clientName });
  if (!licensed.ok) return sessionFailure('wrong', licensed.why);
  if (licensed.value.denied !== null) {
    client.send(encodeSetErrorInfo(channel, licensed.value.denied));
    return sessionFailure('denied', 'the license server denied it a license');
  }
  const admitted = await admitToServer(server, sequence.value);
  return admitted.ok ? success({ user, temporary: licensed.value.temporary }) : admitted;
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

/** Makes a session of a client's connection. The caller closes the connection of a client that gets none. */
export const openSession = async (d: SessionDeps, client: Peer, signal: AbortSignal): Promise<OpenResult> => {
  const startedAt = performance.now();
  const onDecision: LicensingDeps['onDecision'] = (admitted) =>
    d.gatewayMetrics.decided(admitted, performance.now() - startedAt);
  const request = await client.next();
  if (!request.ok) return sessionFailure('wrong', request.why);
  const requested = decodeConnectionRequest(request.value);
  if (!requested.ok) return sessionFailure('wrong', requested.why);
  if ((requested.value.protocols & TLS) === 0) {
    client.send(encodeNegotiationFailure(SSL_REQUIRED_BY_SERVER));
    return sessionFailure('no-tls', 'the client does not speak TLS');
  }
  const server = await d.connectToServer(signal);
  if (!server.ok) return sessionFailure('server', server.why);
  const established = await establishSession({ ...d, onDecision }, client, server.value, request.value);
  if (established.ok) return toSession(d, client, server.value, established.value);
  server.value.close();
  return established;
};
