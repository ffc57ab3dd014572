// Which subjects the liaison answers, and for whom: operators, and inventory where it asks for a witness.

import { liaisonAnswer, liaisonCarry } from '@calbus/contracts/carry-messages';
import type { Contract, Message } from '@calbus/contracts/envelope';
import { inboxes } from '@calbus/contracts/identities';
import {
  liaisonActivate,
  liaisonChangePack,
  liaisonDeactivate,
  liaisonInstall,
  liaisonReactivate,
  liaisonRecover,
  liaisonRestore,
  queryAgreements,
  queryLiaison,
  queryLiaisonBackup,
  queryLiaisonWitness,
} from '@calbus/contracts/liaison-messages';
import { subjects, type LiaisonCommandName } from '@calbus/contracts/subjects';
import { respond, type Answer, type RespondDeps } from '@calbus/runtime/respond';
import { agreements } from '../handlers/agreements.ts';
import { backup, createRestore, type RestoreDeps } from '../handlers/backup.ts';
import { exportCommand, importAnswer, type OfflineExchangeDeps } from '../handlers/offline-exchange.ts';
import { status } from '../handlers/status.ts';
import { witness } from '../handlers/witness.ts';
import {
  activate,
  changePack,
  deactivate,
  install,
  reactivate,
  recover,
  type IntakeDeps,
} from '../handlers/command-intake.ts';
import type { CommandLink, Store } from '../ports.ts';

export const startResponders = (
  deps: RespondDeps,
  take: IntakeDeps,
  carried: OfflineExchangeDeps,
  store: Store,
  outlet: CommandLink,
  restoring: RestoreDeps,
): void => {
  const callers = inboxes.operator;
  const command = <C extends Contract>(
    name: LiaisonCommandName,
    contract: C,
    handle: (d: IntakeDeps, m: Message<C>) => Promise<Answer>,
  ): void => {
    const subject = subjects.liaison.command(name);
    respond(deps, { subject, contracts: [contract], callers, handle: (m) => handle(take, m) });
  };
  command('activate', liaisonActivate, activate);
  command('install', liaisonInstall, install);
  command('reactivate', liaisonReactivate, reactivate);
  command('deactivate', liaisonDeactivate, deactivate);
  command('recover', liaisonRecover, recover);
  command('change-pack', liaisonChangePack, changePack);
  // The statement of a command may hold a license code: it is handed to operators, not to whoever only looks.
  respond(deps, {
    subject: subjects.liaison.command('carry'),
    contracts: [liaisonCarry],
    callers,
    handle: (m) => exportCommand(carried, m),
  });
  respond(deps, {
    subject: subjects.liaison.command('answer'),
    contracts: [liaisonAnswer],
    callers,
    handle: (m) => importAnswer(carried, m),
  });
  respond(deps, {
    subject: subjects.liaison.command('restore'),
    contracts: [liaisonRestore],
    callers,
    handle: createRestore(restoring),
  });
  respond(deps, {
    subject: subjects.liaison.query('operator', 'backup'),
    contracts: [queryLiaisonBackup],
    callers,
    handle: (m) => backup(restoring.kept, m),
  });
  respond(deps, {
    subject: subjects.liaison.query('operator', 'status'),
    contracts: [queryLiaison],
    callers: [inboxes.operator, inboxes.observer],
    handle: () => status(store, outlet),
  });
  respond(deps, {
    subject: subjects.liaison.query('operator', 'agreements'),
    contracts: [queryAgreements],
    callers,
    handle: () => agreements(store),
  });
  respond(deps, {
    subject: subjects.liaison.query('inventory', 'witness'),
    contracts: [queryLiaisonWitness],
    callers: inboxes.inventory,
    handle: () => witness(store, outlet),
  });
};
