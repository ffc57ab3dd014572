// Limits for one address. IPv4 counts by address. IPv6 counts by /64, because providers assign a /64 to one customer.

export type Limits = {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly handshakesPerAddress: number;
};

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** The key under which limits count an address. */
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

/** Why the gateway does not accept one more connection; undefined if it does. */
export const exceededLimit = (
  l: Limits,
  connections: number,
  usage: AddressUsage | undefined,
): string | undefined => {
  if (connections >= l.connections) return 'the gateway has its maximum of connections';
  if (!usage) return undefined;
  if (usage.connections >= l.connectionsPerAddress) return 'the address has its maximum of connections';
  if (usage.handshakes >= l.handshakesPerAddress) return 'the address has its maximum of handshakes';
  return undefined;
};

/** What each address group uses now. */
export type UsageCounter = {
  readonly add: (group: string, change: AddressUsage) => void;
  readonly exceededLimit: (group: string) => string | undefined;
};

export const createUsageCounter = (limits: Limits): UsageCounter => {
  const usages = new Map<string, AddressUsage>();
  let all = 0;
  return {
    add: (group, change) => {
      const { connections, handshakes } = usages.get(group) ?? { connections: 0, handshakes: 0 };
      all += change.connections;
      const next = {
        connections: connections + change.connections,
        handshakes: handshakes + change.handshakes,
      };
      if (next.connections === 0) usages.delete(group);
      else usages.set(group, next);
    },
    exceededLimit: (group) => exceededLimit(limits, all, usages.get(group)),
  };
};
