// For PAM, as a line at the end of a service's account stack: tells the gateway that PAM_USER has logged on, from PAM_RHOST where
// that is known. It reports and decides nothing, so that it always ends with 0, and soon: xrdp 0.9 waits for it.

import { connect } from 'node:net';

const WAIT_MS = 2_000;

const [file] = process.argv.slice(2);
const { PAM_USER: user = '', PAM_RHOST: address = '' } = process.env;

const leave = (why?: string): void => {
  if (why !== undefined) process.stderr.write(`The gateway was not told of this log-on: ${why}.\n`);
  process.exit(0);
};

if (file === undefined) leave('name its socket (CALBUS_LOG_ON_SOCKET) as the argument');
else if (user === '') leave('PAM_USER is not set; this is for pam_exec');
else {
  setTimeout(() => leave('it does not answer'), WAIT_MS);
  const socket = connect(file);
  socket.on('error', (error) => leave(error.message));
  socket.on('close', () => leave());
  socket.resume();
  socket.write(`${JSON.stringify({ user, address: address === '' ? null : address })}\n`);
}
