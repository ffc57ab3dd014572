// A client that does what it is told, over a real connection with real TLS.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as startTls } from 'node:tls';
import type { Duplex } from 'node:stream';
import { concat } from '../../../services/session-gateway/src/domain/bytes.ts';
import { decodeMcs } from '../../../services/session-gateway/src/domain/mcs.ts';
import { decodeSecuredPdu } from '../../../services/session-gateway/src/domain/security-header.ts';
import { splitFrame } from '../../../services/session-gateway/src/domain/tpkt.ts';
import * as played from './fake-client.ts';

export type ScriptedClient = {
  readonly send: (...parts: readonly Uint8Array[]) => void;
  /** The next frame; undefined once the other end has hung up. */
  readonly nextFrame: () => Promise<Uint8Array | undefined>;
  /** So many bytes, whatever they are. */
  readonly take: (length: number) => Promise<Uint8Array>;
  readonly startTls: () => Promise<void>;
  /** Resolves once the other end has hung up. */
  readonly closed: Promise<void>;
  readonly isClosed: () => boolean;
  /** The stream itself; nothing is read of it here any more. */
  readonly release: () => Duplex;
  readonly disconnect: () => void;
};

export const connectClient = async (port: number): Promise<ScriptedClient> => {
  const socket: Socket = connect({ host: '127.0.0.1', port });
  let stream: Duplex = socket;
  let ahead: Uint8Array = new Uint8Array(0);
  let over = false;
  let wake = (): void => {};
  const listen = (s: Duplex): void => {
    s.on('error', () => {});
    s.on('data', (chunk: Buffer) => {
      ahead = concat(ahead, chunk);
      wake();
    });
    s.on('close', () => {
      over = true;
      wake();
    });
  };
  const hungUp = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const until = async <T>(look: () => T | undefined): Promise<T | undefined> => {
    for (;;) {
      const found = look();
      if (found !== undefined || over) return found;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  listen(socket);
  await once(socket, 'connect');
  return {
    send: (...parts) => {
      for (const part of parts) stream.write(part);
    },
    nextFrame: () =>
      until(() => {
        const split = splitFrame(ahead, 65_535);
        if (split.kind !== 'frame') return undefined;
        ahead = split.rest;
        return split.frame;
      }),
    take: async (length) => {
      const taken = await until(() => (ahead.length < length ? undefined : ahead.subarray(0, length)));
      ahead = ahead.subarray(taken?.length ?? 0);
      return taken ?? new Uint8Array(0);
    },
    startTls: async () => {
      socket.removeAllListeners('data');
      const tls = startTls({ socket, rejectUnauthorized: false });
      stream = tls;
      listen(tls);
      await once(tls, 'secureConnect');
    },
    closed: hungUp,
    isClosed: () => over,
    release: () => {
      stream.removeAllListeners('data');
      return stream;
    },
    disconnect: () => socket.destroy(),
  };
};

/** Up to the end of TLS. */
export const connectWithTls = async (port: number): Promise<ScriptedClient> => {
  const client = await connectClient(port);
  client.send(played.connectionRequest(3, 'Cookie: mstshash=ann\r\n'));
  if (!(await client.nextFrame())) throw new Error('hung up on after the connection request');
  await client.startTls();
  return client;
};

/** Up to Client Info, which the gateway answers with licensing. */
export const connectToLicensing = async (
  port: number,
  name: string,
  user = 'ann',
  password = 'pw',
): Promise<ScriptedClient> => {
  const client = await connectWithTls(port);
  for (const frame of [
    played.connectInitial([played.coreBlock(name)]),
    played.erectDomain,
    played.attachUser,
  ]) {
    client.send(frame);
    if (frame !== played.erectDomain && !(await client.nextFrame()))
      throw new Error('hung up on in the handshake');
  }
  for (const channel of [1007, 1003]) client.send(played.joinChannel(channel));
  for (let joined = 0; joined < 2; joined += 1) await client.nextFrame();
  client.send(played.clientInfo(user, password));
  return client;
};

/** The licensing PDU in the next frame; undefined where it is something else, or there is none. */
export const nextLicensingPdu = async (client: ScriptedClient): Promise<Uint8Array | undefined> => {
  const frame = await client.nextFrame();
  const pdu = frame ? decodeMcs(frame) : undefined;
  if (!pdu?.ok || pdu.value.kind !== 'send-indication') return undefined;
  const secured = decodeSecuredPdu(pdu.value.data);
  return secured.ok && secured.value.kind === 'license' ? secured.value.body : undefined;
};

/** The whole exchange; the type of the PDU that ended it. */
export const runLicenseExchange = async (
  client: ScriptedClient,
  name: string,
  store: played.ClientLicenseStore,
): Promise<number> => {
  const exchange = played.fakeClientLicensing(name, store);
  for (;;) {
    const pdu = await nextLicensingPdu(client);
    if (!pdu) throw new Error('hung up on during licensing');
    const reply = exchange.receive(pdu);
    if (!reply) return exchange.last();
    client.send(played.licensing(reply));
  }
};
