// TLS in both directions.

import { once } from 'node:events';
import { connect, createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { bad, good, type Read } from '../domain/bytes.ts';
import type { StartTls } from './peer.ts';

const agreed = async (socket: TLSSocket, event: 'secure' | 'secureConnect'): Promise<Read<TLSSocket>> => {
  const over = new AbortController();
  const closed = once(socket, 'close', { signal: over.signal }).then(() => bad('the connection was closed'));
  try {
    const done = once(socket, event, { signal: over.signal }).then(() => good(socket));
    return await Promise.race([done, closed]);
  } catch (error) {
    socket.destroy();
    return bad(error instanceof Error ? error.message : String(error));
  } finally {
    over.abort();
    closed.catch(() => {});
  }
};

/** Towards clients. */
export const asServer =
  (secureContext: SecureContext): StartTls =>
  (socket) =>
    agreed(new TLSSocket(socket, { isServer: true, secureContext }), 'secure');

/** Towards the RDP server. `certificate`: its own, or that of who signed it; without one, any is good. Its name is not looked at. */
export const asClient = (certificate: string | undefined): StartTls => {
  // One for all connections: making it reads certificates.
  const secureContext = createSecureContext(certificate === undefined ? {} : { ca: [certificate] });
  const rejectUnauthorized = certificate !== undefined;
  const checkServerIdentity = (): undefined => undefined;
  return (socket) =>
    agreed(connect({ socket, secureContext, rejectUnauthorized, checkServerIdentity }), 'secureConnect');
};
