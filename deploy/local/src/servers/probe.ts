import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { loopback } from '../ports.ts';

type Place = { readonly host: string; readonly port: number };

/** Over TLS without a check of the certificate: only to find out whether a server answers. */
export const trustingConnect = (place: Place): Socket => connectTls({ ...place, rejectUnauthorized: false });

/**
 * Opens a connection to a loopback port, sends `hello` (if any) and says whether the first bytes that come back are accepted.
 * False also when nothing answers within a second.
 */
export function answersWith(
  port: number,
  hello: string | undefined,
  accepts: (bytes: Buffer) => boolean,
  open: (place: Place) => Socket = connect,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = open({ host: loopback, port });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.once('data', (bytes) => settle(accepts(bytes)));
    socket.once('connect', () => {
      if (hello !== undefined) socket.write(hello);
    });
  });
}

/** True if a process accepts connections on the loopback port. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: loopback, port });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
