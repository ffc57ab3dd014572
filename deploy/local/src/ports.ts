import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

export const loopback = '127.0.0.1';

/**
 * `count` different loopback ports that are free at this moment. A caller must expect that another process takes one.
 * They lie below the range from which the kernel takes the ports of outgoing connections: in that range a client that reconnects
 * to a server which is down can be given the server's own port, connect to itself, and keep the server from coming back.
 */
export async function freePorts(count: number): Promise<number[]> {
  const chosen = new Set<number>();
  const first = 10_000;
  const end = Math.max(outgoingRangeStart(), first + 1000);
  for (let tries = 0; chosen.size < count; tries += 1) {
    if (tries > 1000)
      throw new Error(`No free port on ${loopback} between ${first} and ${end}: stop some servers.`);
    const port = first + Math.floor(Math.random() * (end - first));
    if (!chosen.has(port) && (await isFree(port))) chosen.add(port);
  }
  return [...chosen];
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: loopback, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function outgoingRangeStart(): number {
  const usual = 32_768;
  try {
    const start = Number(
      readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)[0],
    );
    return start > 12_000 ? start : usual;
  } catch {
    return usual;
  }
}
