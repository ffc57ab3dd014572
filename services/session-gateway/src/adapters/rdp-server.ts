// Connections to the RDP server. If it is on this machine, each connection has its own source address, which identifies the client of
// a log-on: xrdp passes it to PAM as PAM_RHOST.

import { once } from 'node:events';
import { connect, isIPv4 } from 'node:net';
import { lookup } from 'node:dns/promises';
import { failure, success } from '../domain/result.ts';
import type { ConnectToServer } from '../ports.ts';
import { openPeer, type StartTls } from './peer.ts';

export type RdpServerOptions = {
  readonly host: string;
  readonly port: number;
  readonly startTls: StartTls;
  /** Whether `startTls` verifies the server's certificate. */
  readonly verifies: boolean;
};

/** Linux binds any address of 127.0.0.0/8. */
const SOURCE_PREFIX = '127.78.';
const MAX_SOURCE_ADDRESSES = 0xffff;

const isLoopback = (address: string): boolean => isIPv4(address) && address.startsWith('127.');

/** Rejects with a sentence if the name does not resolve. */
const addressesOf = async (host: string): Promise<readonly string[]> => {
  try {
    const found = await lookup(host, { all: true, order: 'ipv4first' });
    return found.map(({ address }) => address);
  } catch (error) {
    throw new Error(`CALBUS_RDP_SERVER names ${host}, which does not resolve to an address: correct it.`, {
      cause: error,
    });
  }
};

const createSourceAddresses = (): {
  readonly take: () => string | null;
  readonly release: (a: string) => void;
} => {
  const taken = new Set<string>();
  let last = 0;
  return {
    take: () => {
      for (let tries = 0; tries < MAX_SOURCE_ADDRESSES; tries += 1) {
        last = (last % (MAX_SOURCE_ADDRESSES - 1)) + 1;
        const address = `${SOURCE_PREFIX}${last >>> 8}.${last & 0xff}`;
        if (taken.has(address)) continue;
        taken.add(address);
        return address;
      }
      return null;
    },
    release: (address) => void taken.delete(address),
  };
};

export const createServerConnector = async (o: RdpServerOptions): Promise<ConnectToServer> => {
  const addresses = await addressesOf(o.host);
  const isLocal = addresses.every((address) => isLoopback(address) || address === '::1');
  if (!isLocal && !o.verifies)
    throw new Error(
      `${o.host} is another machine, and passwords go there: set CALBUS_RDP_SERVER_CERTIFICATE_FILE to its certificate.`,
    );
  const [host = o.host] = addresses;
  const sourceAddresses = createSourceAddresses();
  const choosesSource = process.platform === 'linux' && isLoopback(host);
  return async (signal) => {
    const address = choosesSource ? sourceAddresses.take() : null;
    const from = address === null ? {} : { localAddress: address };
    const socket = connect({ host, port: o.port, ...from });
    const peer = openPeer(socket, address, o.startTls);
    const abort = (): void => void socket.destroy();
    signal.addEventListener('abort', abort, { once: true });
    socket.once('close', () => {
      signal.removeEventListener('abort', abort);
      if (address !== null) sourceAddresses.release(address);
    });
    try {
      await once(socket, 'connect', { signal });
      return success(peer);
    } catch (error) {
      socket.destroy();
      const why = (error as NodeJS.ErrnoException).code ?? 'no answer';
      return failure(`the RDP server at ${o.host}:${o.port} cannot be reached (${why})`);
    }
  };
};
