// Gives every server its certificate, and every part the certificate authority that it trusts.

import { isIP } from 'node:net';
import path from 'node:path';
import { ensureTls, type TlsServer } from '../tls/certificate-files.ts';
import { writeForOwner, writeForServers, inMounted, root, write } from './folders.ts';
import type { Node } from './nodes.ts';

/** The paths of a server's own files. */
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

/** The names of NATS for terminal servers outside these networks. */
const namesOutside = (text: string): string[] => {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const wrong = names.find((name) => isIP(name) === 0 && !/^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(name));
  if (wrong === undefined) return names;
  throw new Error(
    `NATS_NAMES: ${JSON.stringify(wrong)} is neither a host name nor an IP address. Separate names with commas.`,
  );
};

/** Returns the servers that have a new certificate. `outside`: more names for NATS, with commas between them. */
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
