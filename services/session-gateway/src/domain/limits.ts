// How much one address may take: counted by IPv4 address, and by the /64 of an IPv6 address, which is what one customer is given.

export type Limits = {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly handshakesPerAddress: number;
};

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Whom an address belongs to, as far as limits go. */
export const addressGroup = (address: string): string => {
  const mapped = MAPPED.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = groups(tail);
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return [...before, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
};

export type AddressUsage = { readonly connections: number; readonly handshakes: number };

/** Why one more connection is not taken; undefined where it is. */
export const exceededLimit = (l: Limits, all: number, held: AddressUsage | undefined): string | undefined => {
  if (all >= l.connections) return 'as many connections as the gateway takes';
  if (!held) return undefined;
  if (held.connections >= l.connectionsPerAddress) return 'as many connections as one address may have';
  if (held.handshakes >= l.handshakesPerAddress) return 'as many handshakes as one address may have';
  return undefined;
};
