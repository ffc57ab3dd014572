// Which subjects the liaison answers, and for whom: operators, and inventory where it asks for a witness.

import { inboxes } from '@calbus/contracts/identities';
import {
  liaisonActivate,
  liaisonInstall,
  queryLiaison,
  queryLiaisonWitness,
} from '@calbus/contracts/liaison-messages';
import { subjects } from '@calbus/contracts/subjects';
import { respond, type RespondDeps } from '@calbus/runtime/respond';
import { status } from '../handlers/status.ts';
import { witness } from '../handlers/witness.ts';
import { takeActivate, takeInstall, type TakeDeps } from '../handlers/take.ts';
import type { Outlet, Store } from '../ports.ts';

export const serve = (deps: RespondDeps, take: TakeDeps, store: Store, outlet: Outlet): void => {
  const callers = inboxes.operator;
  respond(deps, {
    subject: subjects.liaison.command('activate'),
    contracts: [liaisonActivate],
    callers,
    handle: (m) => takeActivate(take, m),
  });
  respond(deps, {
    subject: subjects.liaison.command('install'),
    contracts: [liaisonInstall],
    callers,
    handle: (m) => takeInstall(take, m),
  });
  respond(deps, {
    subject: subjects.liaison.query('operator', 'status'),
    contracts: [queryLiaison],
    callers: [inboxes.operator, inboxes.observer],
    handle: () => status(store, outlet),
  });
  respond(deps, {
    subject: subjects.liaison.query('inventory', 'witness'),
    contracts: [queryLiaisonWitness],
    callers: inboxes.inventory,
    handle: () => witness(store, outlet),
  });
};
