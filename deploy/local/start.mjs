import { runUnderPinnedNode } from './setup.mjs';

await runUnderPinnedNode(
  'src/main.ts',
  `
Usage: npm start [-- options]

Starts calbus on this machine: NATS, Redis and RabbitMQ with private data directories on loopback, and the services.
It installs what is missing first. Ctrl-C stops everything that it started.

  --once           do the job once, stop everything, and leave
  --await-restore  begin no ledger where there is none, but wait for calbus restore
  --rdp host:port  also license RDP clients: start the session gateway in front of the RDP server there
  --data <dir>     where data, logs and ports are kept (default: .calbus in the repository)
  --help           this text
`,
);
