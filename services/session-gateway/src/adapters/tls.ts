// TLS on open connections: towards clients, and towards the RDP server.

import { once } from 'node:events';
import { connect, createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { failure, success, type Result } from '../domain/result.ts';
import type { StartTls } from './peer.ts';

const finishHandshake = async (
  socket: TLSSocket,
  event: 'secure' | 'secureConnect',
): Promise<Result<TLSSocket>> => {
  const over = new AbortController();
  const closed = once(socket, 'close', { signal: over.signal }).then(() =>
    failure('the connection was closed'),
  );
  try {
    const done = once(socket, event, { signal: over.signal }).then(() => success(socket));
    return await Promise.race([done, closed]);
  } catch (error) {
    socket.destroy();
    return failure(error instanceof Error ? error.message : String(error));
  } finally {
    over.abort();
    closed.catch(() => {});
  }
};

/** Towards clients. */
export const serverTls =
  (secureContext: SecureContext): StartTls =>
  (socket) =>
    finishHandshake(new TLSSocket(socket, { isServer: true, secureContext }), 'secure');

/** Towards the RDP server. `certificate`: that of the server or of its authority; without it any is accepted. The name in it is not checked. */
export const clientTls = (certificate: string | undefined): StartTls => {
  // Made once, because making it parses certificates.
  const secureContext = createSecureContext(certificate === undefined ? {} : { ca: [certificate] });
  const rejectUnauthorized = certificate !== undefined;
  const checkServerIdentity = (): undefined => undefined;
  return (socket) =>
    finishHandshake(
      connect({ socket, secureContext, rejectUnauthorized, checkServerIdentity }),
      'secureConnect',
    );
};
