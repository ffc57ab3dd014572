// TLS in both directions.

import { once } from 'node:events';
import { connect, createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { failure, success, type Result } from '../domain/bytes.ts';
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

/** Towards the RDP server. `certificate`: its own, or that of who signed it; without one, any is good. Its name is not looked at. */
export const clientTls = (certificate: string | undefined): StartTls => {
  // One for all connections: making it reads certificates.
  const secureContext = createSecureContext(certificate === undefined ? {} : { ca: [certificate] });
  const rejectUnauthorized = certificate !== undefined;
  const checkServerIdentity = (): undefined => undefined;
  return (socket) =>
    finishHandshake(
      connect({ socket, secureContext, rejectUnauthorized, checkServerIdentity }),
      'secureConnect',
    );
};
