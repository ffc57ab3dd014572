// Which subjects the liaison answers, and for whom: operators, and inventory where it asks for a witness.

import { liaisonImport, liaisonExport } from '@calbus/contracts/offline-exchange-messages';
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
  queryLiaisonStatus,
  queryLiaisonBackup,
  queryLiaisonWitness,
} from '@calbus/contracts/liaison-messages';
import { subjects, type LiaisonCommandName } from '@calbus/contracts/subjects';
import { respond, type Answer, type RespondDeps } from '@calbus/runtime/responder';
import { agreements } from '../handlers/agreements.ts';
import { backup, createRestore, type RestoreDeps } from '../handlers/backup.ts';
import { carry, takeAnswer, type CarryDeps } from '../handlers/carry.ts';
import { status } from '../handlers/status.ts';
import { witness } from '../handlers/witness.ts';
import {
  takeActivate,
  takeChangePack,
  takeDeactivate,
  takeInstall,
  takeReactivate,
  takeRecover,
  type TakeDeps,
} from '../handlers/take.ts';
import type { Outlet, Store } from '../ports.ts';

export const serve = (
  deps: RespondDeps,
  take: TakeDeps,
  carried: CarryDeps,
  store: Store,
  outlet: Outlet,
  restoring: RestoreDeps,
): void => {
  const callers = inboxes.operator;
  const command = <C extends Contract>(
    name: LiaisonCommandName,
    contract: C,
    handle: (d: TakeDeps, m: Message<C>) => Promise<Answer>,
  ): void => {
    const subject = subjects.liaison.command(name);
    respond(deps, { subject, contracts: [contract], callers, handle: (m) => handle(take, m) });
  };
  command('activate', liaisonActivate, takeActivate);
  command('install', liaisonInstall, takeInstall);
  command('reactivate', liaisonReactivate, takeReactivate);
  command('deactivate', liaisonDeactivate, takeDeactivate);
  command('recover', liaisonRecover, takeRecover);
  command('change-pack', liaisonChangePack, takeChangePack);
  // The statement of a command may hold a license code: it is handed to operators, not to whoever only looks.
  respond(deps, {
    subject: subjects.liaison.command('carry'),
    contracts: [liaisonExport],
    callers,
    handle: (m) => carry(carried, m),
  });
  respond(deps, {
    subject: subjects.liaison.command('answer'),
    contracts: [liaisonImport],
    callers,
    handle: (m) => takeAnswer(carried, m),
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
    contracts: [queryLiaisonStatus],
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
