// A fake RDP server, up to the end of licensing. After that it echoes.

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
  'requests-license' | 'declares-valid' | 'requires-nla' | 'sends-junk' | 'silent' | 'issues-licenses';

export type FakeRdpServer = {
  readonly port: number;
  /** For connections from now on. xrdp 0.9 behaves as `requests-license`, 0.10.1 as `declares-valid`. */
  readonly setBehavior: (manner: ServerBehavior) => void;
  /** `number`: of clients that sent Client Info. `address`: of the last one. */
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
  let behavior: ServerBehavior = 'requests-license';
  let number = 0;
  let address: string | undefined;

  const talk = (socket: Socket, tls: TLSSocket, current: ServerBehavior): void => {
    let buffered: Uint8Array = new Uint8Array(0);
    let at: 'initial' | 'domain' | 'licensing' = 'initial';
    const take = (frame: Uint8Array): void => {
      if (current === 'sends-junk') return void tls.write(concat([3, 0, 0, 9], [1, 2, 3, 4, 5]));
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
        if (current === 'issues-licenses') return void tls.write(says(licensePdu(0x02, [0, 0, 0, 0])));
        if (current === 'requests-license')
          return void tls.write(says(licensePdu(0x01, new Uint8Array(100))));
      }
      // The first bytes after licensing arrive in the same packet.
      tls.write(concat(valid, [3, 0, 0, 8], [0x68, 0x65, 0x79, 0x21]));
      tls.removeAllListeners('data');
      tls.pipe(tls);
    };
    tls.on('data', (chunk: Buffer) => {
      buffered = concat(buffered, chunk);
      for (
        let split = splitFrame(buffered, 65_535);
        split.kind === 'frame';
        split = splitFrame(buffered, 65_535)
      ) {
        buffered = split.rest;
        take(split.frame);
      }
    });
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    const current = behavior;
    if (current === 'silent') return void socket.resume();
    socket.once('data', () => {
      socket.write(current === 'requires-nla' ? encodeNegotiationFailure(5) : connectionConfirm(1));
      const tls = new TLSSocket(socket, { isServer: true, secureContext });
      tls.on('error', () => {});
      talk(socket, tls, current);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    setBehavior: (next) => void (behavior = next),
    clients: () => ({ number, address }),
    openConnections: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};
