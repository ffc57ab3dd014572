// An RDP client that a test steps through, over a real connection with TLS.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as startTls } from 'node:tls';
import type { Duplex } from 'node:stream';
import { concat } from '../../../services/session-gateway/src/domain/bytes.ts';
import { decodeMcs } from '../../../services/session-gateway/src/domain/mcs.ts';
import { decodeSecuredPdu } from '../../../services/session-gateway/src/domain/security-header.ts';
import { splitFrame } from '../../../services/session-gateway/src/domain/tpkt.ts';
import * as fakeClient from './fake-client.ts';

export type ScriptedClient = {
  readonly send: (...parts: readonly Uint8Array[]) => void;
  /** The next frame; undefined if the server closed the connection. */
  readonly nextFrame: () => Promise<Uint8Array | undefined>;
  /** The next `length` bytes. */
  readonly take: (length: number) => Promise<Uint8Array>;
  readonly startTls: () => Promise<void>;
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>;
  readonly isClosed: () => boolean;
  /** The stream, from which the client no longer reads. */
  readonly release: () => Duplex;
  readonly disconnect: () => void;
};

export const connectClient = async (port: number): Promise<ScriptedClient> => {
  const socket: Socket = connect({ host: '127.0.0.1', port });
  let stream: Duplex = socket;
  let buffered: Uint8Array = new Uint8Array(0);
  let isClosed = false;
  let wake = (): void => {};
  const listen = (s: Duplex): void => {
    s.on('error', () => {});
    s.on('data', (chunk: Buffer) => {
      buffered = concat(buffered, chunk);
      wake();
    });
    s.on('close', () => {
      isClosed = true;
      wake();
    });
  };
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const until = async <T>(look: () => T | undefined): Promise<T | undefined> => {
    for (;;) {
      const found = look();
      if (found !== undefined || isClosed) return found;
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
        const split = splitFrame(buffered, 65_535);
        if (split.kind !== 'frame') return undefined;
        buffered = split.rest;
        return split.frame;
      }),
    take: async (length) => {
      const taken = await until(() => (buffered.length < length ? undefined : buffered.subarray(0, length)));
      buffered = buffered.subarray(taken?.length ?? 0);
      return taken ?? new Uint8Array(0);
    },
    startTls: async () => {
      socket.removeAllListeners('data');
      const tls = startTls({ socket, rejectUnauthorized: false });
      stream = tls;
      listen(tls);
      await once(tls, 'secureConnect');
    },
    closed,
    isClosed: () => isClosed,
    release: () => {
      stream.removeAllListeners('data');
      return stream;
    },
    disconnect: () => socket.destroy(),
  };
};

/** Connects, up to the end of the TLS handshake. */
export const connectWithTls = async (port: number): Promise<ScriptedClient> => {
  const client = await connectClient(port);
  client.send(fakeClient.connectionRequest(3, 'Cookie: mstshash=ann\r\n'));
  if (!(await client.nextFrame()))
    throw new Error('the server closed the connection after the connection request');
  await client.startTls();
  return client;
};

/** Connects, up to Client Info, which the gateway answers with licensing. */
export const connectToLicensing = async (
  port: number,
  name: string,
  user = 'ann',
  password = 'pw',
): Promise<ScriptedClient> => {
  const client = await connectWithTls(port);
  for (const frame of [
    fakeClient.connectInitial([fakeClient.coreBlock(name)]),
    fakeClient.erectDomain,
    fakeClient.attachUser,
  ]) {
    client.send(frame);
    if (frame !== fakeClient.erectDomain && !(await client.nextFrame()))
      throw new Error('the server closed the connection in the handshake');
  }
  for (const channel of [1007, 1003]) client.send(fakeClient.joinChannel(channel));
  for (let joined = 0; joined < 2; joined += 1) await client.nextFrame();
  client.send(fakeClient.clientInfo(user, password));
  return client;
};

/** The licensing PDU in the next frame; undefined if there is none. */
export const nextLicensingPdu = async (client: ScriptedClient): Promise<Uint8Array | undefined> => {
  const frame = await client.nextFrame();
  const pdu = frame ? decodeMcs(frame) : undefined;
  if (!pdu?.ok || pdu.value.kind !== 'send-indication') return undefined;
  const secured = decodeSecuredPdu(pdu.value.data);
  return secured.ok && secured.value.kind === 'license' ? secured.value.body : undefined;
};

/** Runs the license exchange to its end. Returns the type of the PDU that ended it. */
export const runLicenseExchange = async (
  client: ScriptedClient,
  name: string,
  store: fakeClient.ClientLicenseStore,
): Promise<number> => {
  const exchange = fakeClient.fakeClientLicensing(name, store);
  for (;;) {
    const pdu = await nextLicensingPdu(client);
    if (!pdu) throw new Error('the server closed the connection during licensing');
    const reply = exchange.receive(pdu);
    if (!reply) return exchange.last();
    client.send(fakeClient.licensing(reply));
  }
};
