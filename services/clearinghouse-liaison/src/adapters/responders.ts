// Which subjects the liaison answers, and for whom: operators, and inventory where it asks for a witness.

import { liaisonImport, liaisonExport } from '@calbus/contracts/offline-exchange-messages';
import type { Handlers } from '@calbus/contracts/envelope';
import { inboxes } from '@calbus/contracts/identities';
import {
  liaisonCommands,
  liaisonQueries,
  type LiaisonQuery,
  type LiaisonRequest,
} from '@calbus/contracts/liaison-interface';
import {
  liaisonActivate,
  liaisonChangePack,
  liaisonDeactivate,
  liaisonInstall,
  liaisonReactivate,
  liaisonRecover,
  queryAgreements,
  queryLiaisonStatus,
  queryLiaisonWitness,
} from '@calbus/contracts/liaison-messages';
import { liaisonRestore, queryLiaisonBackup } from '@calbus/contracts/liaison-backup-messages';
import { subjects, type LiaisonCommandName } from '@calbus/contracts/subjects';
import { respond, type Answer, type RespondDeps } from '@calbus/runtime/responder';
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
  const commands: Handlers<LiaisonRequest, Promise<Answer>> = {
    [liaisonActivate.type]: (m) => activate(take, m),
    [liaisonInstall.type]: (m) => install(take, m),
    [liaisonReactivate.type]: (m) => reactivate(take, m),
    [liaisonDeactivate.type]: (m) => deactivate(take, m),
    [liaisonRecover.type]: (m) => recover(take, m),
    [liaisonChangePack.type]: (m) => changePack(take, m),
    [liaisonRestore.type]: createRestore(restoring),
    [liaisonExport.type]: (m) => exportCommand(carried, m),
    [liaisonImport.type]: (m) => importAnswer(carried, m),
  };
  const { operator, observer, inventory } = inboxes;
  for (const [name, contract] of Object.entries<LiaisonRequest>(liaisonCommands))
    respond(deps, {
      subject: subjects.liaison.command(name as LiaisonCommandName),
      contracts: [contract],
      // The statement of a command may hold a license code: observers do not get it.
      callers: operator,
      handlers: commands,
    });
  const queries: Handlers<LiaisonQuery, Promise<Answer>> = {
    [queryLiaisonStatus.type]: () => status(store, outlet),
    [queryAgreements.type]: () => agreements(store),
    [queryLiaisonBackup.type]: (m) => backup(restoring.kept, m),
    [queryLiaisonWitness.type]: () => witness(store, outlet),
  };
  const callers: Readonly<Record<LiaisonQuery['type'], readonly string[]>> = {
    [queryLiaisonStatus.type]: [operator, observer],
    [queryAgreements.type]: [operator],
    [queryLiaisonBackup.type]: [operator],
    [queryLiaisonWitness.type]: [inventory],
  };
  for (const [role, byName] of Object.entries<Record<string, LiaisonQuery>>(liaisonQueries))
    for (const [name, contract] of Object.entries(byName))
      respond(deps, {
        subject: subjects.liaison.query(role, name),
        contracts: [contract],
        callers: callers[contract.type],
        handlers: queries,
      });
};
