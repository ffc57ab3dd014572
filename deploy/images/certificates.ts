// Every server's certificate, and to every part the authority that it believes.

import { isIP } from 'node:net';
import path from 'node:path';
import { ensureTls, type TlsServer } from '../tls/certificate-files.ts';
import { writeForOwner, writeForServers, inMounted, root, write } from './folders.ts';
import type { Node } from './nodes.ts';

/** Where a server finds its own. */
export const serverTls = {
  certificateFile: inMounted('server.pem'),
  keyFile: inMounted('server.key'),
  caFile: inMounted('ca.pem'),
};

const clients = [
  'provision',
  'clearinghouse',
  'inventory',
  'clearinghouse-liaison',
  'issuer',
  'operator',
  'observer',
  'registrar',
];

/** Names by which terminal servers outside of these networks know NATS. */
const namesOutside = (text: string): string[] => {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const wrong = names.find((name) => isIP(name) === 0 && !/^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(name));
  if (wrong === undefined) return names;
  throw new Error(
    `NATS_NAMES: ${JSON.stringify(wrong)} is no host name and no IP address. Write them with commas between.`,
  );
};

/** Gives the servers that have a new one. `outside`: more names for NATS, with commas between them. */
export const handOutCertificates = async (
  nodes: readonly Node[],
  outside: string,
): Promise<readonly string[]> => {
  const here = ['localhost', '127.0.0.1'];
  const natsNames = ['nats', ...here, ...namesOutside(outside)];
  const servers: Record<string, TlsServer> = {
    redis: { names: ['redis', ...here] },
    rabbitmq: { names: ['rabbitmq', ...here] },
  };
  for (const { service, node } of nodes)
    servers[service] = { names: [...new Set([...natsNames, service, node])], alsoClient: true };
  const tls = await ensureTls(path.join(root, 'keys', 'tls'), servers, Date.now());
  for (const [part, { certificate, key }] of Object.entries(tls.servers)) {
    write(part, 'server.pem', certificate, writeForServers);
    write(part, 'server.key', key, writeForServers);
    write(part, 'ca.pem', tls.authorities, writeForServers);
  }
  for (const part of clients) write(part, 'ca.pem', tls.authorities, writeForOwner);
  return tls.made;
};
