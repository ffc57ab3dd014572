// Which subjects the liaison answers, and for whom: operators, and inventory where it asks for a witness.

import { liaisonAnswer, liaisonCarry } from '@calbus/contracts/carry-messages';
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
  const commands: Handlers<LiaisonRequest, Promise<Answer>> = {
    [liaisonActivate.type]: (m) => takeActivate(take, m),
    [liaisonInstall.type]: (m) => takeInstall(take, m),
    [liaisonReactivate.type]: (m) => takeReactivate(take, m),
    [liaisonDeactivate.type]: (m) => takeDeactivate(take, m),
    [liaisonRecover.type]: (m) => takeRecover(take, m),
    [liaisonChangePack.type]: (m) => takeChangePack(take, m),
    [liaisonRestore.type]: createRestore(restoring),
    [liaisonCarry.type]: (m) => carry(carried, m),
    [liaisonAnswer.type]: (m) => takeAnswer(carried, m),
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
    [queryLiaison.type]: () => status(store, outlet),
    [queryAgreements.type]: () => agreements(store),
    [queryLiaisonBackup.type]: (m) => backup(restoring.kept, m),
    [queryLiaisonWitness.type]: () => witness(store, outlet),
  };
  const callers: Readonly<Record<LiaisonQuery['type'], readonly string[]>> = {
    [queryLiaison.type]: [operator, observer],
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
