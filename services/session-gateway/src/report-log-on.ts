// A command for pam_exec, at the end of a service's account stack: reports to the gateway that PAM_USER has logged on, from PAM_RHOST
// if that is set. It decides nothing, so it always exits with 0. It exits soon, because xrdp 0.9 waits for it.

import { connect } from 'node:net';

const ANSWER_TIMEOUT_MS = 2_000;

const [file] = process.argv.slice(2);
const { PAM_USER: user = '', PAM_RHOST: address = '' } = process.env;

const leave = (why?: string): void => {
  if (why !== undefined) process.stderr.write(`The log-on was not reported to the gateway: ${why}.\n`);
  process.exit(0);
};

if (file === undefined) leave('name its socket (CALBUS_LOG_ON_SOCKET) as the argument');
else if (user === '') leave('PAM_USER is not set; this is for pam_exec');
else {
  setTimeout(() => leave('the gateway does not answer'), ANSWER_TIMEOUT_MS);
  const socket = connect(file);
  socket.on('error', (error) => leave(error.message));
  socket.on('close', () => leave());
  socket.resume();
  socket.write(`${JSON.stringify({ user, address: address === '' ? null : address })}\n`);
}
