import { connect } from 'node:net';
import { loopback } from '../ports.ts';

/**
 * Opens a connection to a loopback port, sends `hello` (if any) and says whether the first bytes that come back are accepted.
 * False also when nothing answers within a second.
 */
export function answersWith(
  port: number,
  hello: string | undefined,
  accepts: (bytes: Buffer) => boolean,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: loopback, port });
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

/** Whether somebody accepts connections on a loopback port. */
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
