// An RDP server for tests, as far as the gateway looks. Behind licensing it sends back what it gets.

import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { makeSelfSignedCertificate } from '@calbus/licenses/self-signed-certificate';
import { concat } from '../../../services/session-gateway/src/domain/bytes.ts';
import { encodeLicensing } from '../../../services/session-gateway/src/domain/security-header.ts';
import { encodeValidClient } from '../../../services/session-gateway/src/domain/license-pdus.ts';
import { decodeMcs, encodeSendIndication } from '../../../services/session-gateway/src/domain/mcs.ts';
import { splitFrame } from '../../../services/session-gateway/src/domain/tpkt.ts';
import { encodeNegotiationFailure } from '../../../services/session-gateway/src/domain/x224.ts';
import { connectionConfirm, licensePdu } from './fake-client.ts';

export type ServerBehavior =
  'asks' | 'says-valid' | 'wants-nla' | 'answers-junk' | 'is-silent' | 'wants-its-own-licenses';

export type FakeRdpServer = {
  readonly port: number;
  /** How the next connections are treated; `asks` is xrdp 0.9, `says-valid` is 0.10.1. */
  readonly setBehavior: (manner: ServerBehavior) => void;
  /** Clients that sent Client Info: their number, and the address of the last. */
  readonly clients: () => { readonly number: number; readonly address: string | undefined };
  readonly openConnections: () => number;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const answers: Readonly<Record<string, Uint8Array>> = {
  'attach-user': bytes('0300000b02f0802e000006'),
  join: bytes('0300000f02f0803e00000603eb03eb'),
};
const connectResponse = bytes(
  '0300006c02f0807f66620a0100020100301a020122020103020100020101020100020101020300fff8020102043e000500147c0001' +
    '3614760a01010001c0004d63446e28010c1000040008000300000000000000030c0c00eb030100ec030000020c0c000000000000000000',
);
const says = (pdu: Uint8Array): Uint8Array => encodeSendIndication(1003, encodeLicensing(pdu));
const valid = says(encodeValidClient());

export const startFakeRdpServer = async (): Promise<FakeRdpServer> => {
  const { certificate, key } = await makeSelfSignedCertificate('played', Date.now());
  const secureContext = createSecureContext({ cert: certificate, key });
  const sockets = new Set<Socket>();
  let manner: ServerBehavior = 'asks';
  let number = 0;
  let address: string | undefined;

  const talk = (socket: Socket, tls: TLSSocket, how: ServerBehavior): void => {
    let ahead: Uint8Array = new Uint8Array(0);
    let at: 'initial' | 'domain' | 'licensing' = 'initial';
    const take = (frame: Uint8Array): void => {
      if (how === 'answers-junk') return void tls.write(concat([3, 0, 0, 9], [1, 2, 3, 4, 5]));
      if (at === 'initial') {
        at = 'domain';
        return void tls.write(connectResponse);
      }
      const pdu = decodeMcs(frame);
      const kind = pdu.ok ? pdu.value.kind : 'none';
      const answer = answers[kind];
      if (answer) return void tls.write(answer);
      if (kind !== 'send-request') return;
      if (at === 'domain') {
        at = 'licensing';
        number += 1;
        address = socket.remoteAddress;
        if (how === 'wants-its-own-licenses') return void tls.write(says(licensePdu(0x02, [0, 0, 0, 0])));
        if (how === 'asks') return void tls.write(says(licensePdu(0x01, new Uint8Array(100))));
      }
      // What comes next may come in the same packet.
      tls.write(concat(valid, [3, 0, 0, 8], [0x68, 0x65, 0x79, 0x21]));
      tls.removeAllListeners('data');
      tls.pipe(tls);
    };
    tls.on('data', (chunk: Buffer) => {
      ahead = concat(ahead, chunk);
      for (let split = splitFrame(ahead, 65_535); split.kind === 'frame'; split = splitFrame(ahead, 65_535)) {
        ahead = split.rest;
        take(split.frame);
      }
    });
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    const how = manner;
    if (how === 'is-silent') return void socket.resume();
    socket.once('data', () => {
      socket.write(how === 'wants-nla' ? encodeNegotiationFailure(5) : connectionConfirm(1));
      const tls = new TLSSocket(socket, { isServer: true, secureContext });
      tls.on('error', () => {});
      talk(socket, tls, how);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    setBehavior: (m) => void (manner = m),
    clients: () => ({ number, address }),
    openConnections: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};
