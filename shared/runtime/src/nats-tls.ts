// How a client speaks TLS to NATS. The driver takes the scheme of an address for decoration, and would speak in the clear where
// a server says that it can do no other: what makes it insist is the option `tls`.

import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

export type NatsTls = {
  readonly ca?: string;
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
};

const isTls = (server: string): boolean => server.trim().toLowerCase().startsWith('tls://');

const hostOf = (server: string): string => {
  try {
    return new URL(server.trim()).hostname.replaceAll(/^\[|\]$/g, '').toLowerCase();
  } catch {
    return server;
  }
};

/** The sentence for a wrong choice of addresses and authority; undefined where they go together. */
export const natsTlsProblem = (
  servers: readonly string[],
  ca: string | undefined,
  authority: string,
): string | undefined => {
  const over = servers.filter(isTls).length;
  if (over !== 0 && over !== servers.length)
    return 'Some addresses of NATS begin with tls:// and others do not: let all of them, or none';
  if (over === 0 && ca !== undefined)
    return `${authority} names an authority, which counts over TLS only: let the addresses of NATS begin with tls://, or leave it out`;
  return undefined;
};

/**
 * The driver's options for these servers: TLS and nothing else where their addresses begin with tls://, none where they do not.
 * `ca`: who may have certified them, in PEM; without it, those that Node knows.
 */
export const natsTlsOptions = (
  servers: readonly string[],
  ca: string | undefined,
): { readonly tls?: NatsTls; readonly reconnectJitterTLS?: number } => {
  if (!servers.some(isTls)) return {};
  const hosts = servers.map(hostOf);
  const addresses = hosts.filter((host) => isIP(host) !== 0);
  return {
    tls: {
      ...(ca === undefined ? {} : { ca }),
      // Of a server that was named by its IP address the driver does not tell TLS any name, and Node then takes "localhost" for it.
      checkServerIdentity: (host, certificate) => {
        if (hosts.includes(host) || addresses.length === 0) return checkServerIdentity(host, certificate);
        const outcomes = addresses.map((address) => checkServerIdentity(address, certificate));
        return outcomes.includes(undefined) ? undefined : outcomes[0];
      },
    },
    // As without TLS: a failover costs no more.
    reconnectJitterTLS: 100,
  };
};
