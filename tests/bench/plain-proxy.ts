// What the session gateway is compared with: takes TLS, makes TLS, joins the two, and does nothing else.
// Arguments: the port of the TLS server behind, and a file with key and certificate.

import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';

const [behind, file = ''] = process.argv.slice(2);
const pem = readFileSync(file, 'utf8');
const server = createServer({ key: pem, cert: pem }, (client) => {
  const other = connect({ host: '127.0.0.1', port: Number(behind), rejectUnauthorized: false });
  for (const [from, to] of [
    [client, other],
    [other, client],
  ] as const) {
    from.setNoDelay(true);
    from.on('error', () => to.destroy());
    from.on('close', () => to.end());
    from.pipe(to);
  }
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`),
);
