// The commands of `calbus`, in the order and the groups of its help. The code of a command is loaded when that command runs.

import type { DefineCommand } from './command-context.ts';

export type CommandEntry = {
  readonly name: string;
  readonly description: string;
  readonly load: () => Promise<{ readonly define: DefineCommand }>;
};

// prettier-ignore
export const commandGroups: Readonly<Record<string, readonly CommandEntry[]>> = {
  'Look:': [
    { name: 'status', description: 'leader, ledger, activation, stock, and the age of the live counts', load: () => import('./commands/look/status.ts') },
    { name: 'watch', description: 'live counts, and each decision when it is made, until Ctrl-C', load: () => import('./commands/look/watch.ts') },
    { name: 'events', description: 'the events of the last 30 days that an operator should see, newest first', load: () => import('./commands/look/events.ts') },
    { name: 'dead-letters', description: 'messages that no service could handle, newest first, with the reason', load: () => import('./commands/look/dead-letters.ts') },
  ],
  'Explain:': [
    { name: 'diagnose', description: 'problems, worst first, each with its remedy; changes nothing', load: () => import('./commands/explain/diagnose.ts') },
    { name: 'explain', description: 'why a device or a user got a decision, rule by rule', load: () => import('./commands/explain/explain.ts') },
    { name: 'report', description: 'figures over a range of time, out of the ledger', load: () => import('./commands/explain/report.ts') },
  ],
  'Licenses:': [
    { name: 'licenses', description: 'the holder and the end of each license', load: () => import('./commands/licenses/licenses.ts') },
    { name: 'revoke', description: 'end a full Per Device license early, so that its CAL is free at once', load: () => import('./commands/licenses/revoke.ts') },
    { name: 'devices', description: 'merge hardware ids that are one device', load: () => import('./commands/licenses/devices.ts') },
    { name: 'settings', description: 'the settings of the whole license server', load: () => import('./commands/licenses/settings.ts') },
  ],
  'Purchases:': [
    { name: 'activate', description: 'activate this license server at the Clearinghouse', load: () => import('./commands/purchases/activate.ts') },
    { name: 'install', description: 'have purchased CALs issued to this license server, and install them', load: () => import('./commands/purchases/install.ts') },
    { name: 'packs', description: 'the installed key packs, and the CALs left of each', load: () => import('./commands/purchases/packs.ts') },
    { name: 'agreements', description: 'the purchase agreements of this license server', load: () => import('./commands/purchases/agreements.ts') },
    { name: 'requests', description: 'the commands to the Clearinghouse; export them and import their answers', load: () => import('./commands/purchases/requests.ts') },
    { name: 'phone', description: "the Clearinghouse's telephone number", load: () => import('./commands/purchases/phone.ts') },
    { name: 'reactivate', description: 'a new key and certificate for a license server that was activated before', load: () => import('./commands/purchases/reactivate.ts') },
    { name: 'deactivate', description: 'end the activation: only temporary licenses until the next activation', load: () => import('./commands/purchases/deactivate.ts') },
  ],
  'Terminal servers:': [
    { name: 'terminal-servers', description: 'the decisions for each terminal server, and its status', load: () => import('./commands/terminal-servers/terminal-servers.ts') },
    { name: 'terminal-server', description: "admit and remove terminal servers while everything runs, with the registrar's profile", load: () => import('./commands/terminal-servers/terminal-server.ts') },
    { name: 'request', description: 'act as a terminal server: ask for a license, or report a log-on with --validated', load: () => import('./commands/terminal-servers/request.ts') },
    { name: 'admit', description: 'act as a terminal server at a log-on: whether the client is let in, and by which row', load: () => import('./commands/terminal-servers/admit.ts') },
  ],
  'Ledger:': [
    { name: 'ledger', description: 'verify the ledger, read it, export it', load: () => import('./commands/ledger/ledger.ts') },
    { name: 'clock', description: "the leader's clock, when it departs from other clocks (CLOCK_SUSPECT)", load: () => import('./commands/ledger/clock.ts') },
  ],
  'Recovery:': [
    { name: 'backup', description: 'the whole license server in one encrypted file', load: () => import('./commands/recovery/backup.ts') },
    { name: 'restore', description: 'put a backup back into an empty license server', load: () => import('./commands/recovery/restore.ts') },
    { name: 'recover', description: 'the key packs of an agreement, for a ledger that has lost them', load: () => import('./commands/recovery/recover.ts') },
    { name: 'reserve', description: 'the CALs that are reserved for devices which show lost licenses again', load: () => import('./commands/recovery/reserve.ts') },
  ],
};
