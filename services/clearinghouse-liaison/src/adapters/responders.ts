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
import { backup, createRestore } from '../handlers/backup.ts';
import { exportCommand, importAnswer } from '../handlers/offline-exchange.ts';
import { status } from '../handlers/status.ts';
import { witness } from '../handlers/witness.ts';
import {
  activate,
  changePack,
  deactivate,
  install,
  reactivate,
  recover,
} from '../handlers/command-intake.ts';
import type { Jobs } from '../handlers/jobs.ts';
import type { BackupRows, CommandLink, Inventory, Signer, Store } from '../ports.ts';

export type LiaisonParts = {
  readonly store: Store;
  readonly signer: Signer;
  readonly inventory: Inventory;
  readonly link: Pick<CommandLink, 'isUp'>;
  readonly rows: BackupRows;
  readonly jobs: Pick<Jobs, 'commandAccepted' | 'answerApplied'>;
  /** The Clearinghouse root in PEM. */
  readonly root: string;
  readonly now: () => number;
};

export const startResponders = (deps: RespondDeps, parts: LiaisonParts): void => {
  const { store, signer, inventory, link, rows, jobs, root, now } = parts;
  const intake = { store, signer, inventory, now, onAccepted: jobs.commandAccepted };
  const exchange = { store, signer, root, now, onApplied: jobs.answerApplied };
  const restore = { kept: rows, store, signer, onRestored: jobs.commandAccepted };
  const commands: Handlers<LiaisonRequest, Promise<Answer>> = {
    [liaisonActivate.type]: (m) => activate(intake, m),
    [liaisonInstall.type]: (m) => install(intake, m),
    [liaisonReactivate.type]: (m) => reactivate(intake, m),
    [liaisonDeactivate.type]: (m) => deactivate(intake, m),
    [liaisonRecover.type]: (m) => recover(intake, m),
    [liaisonChangePack.type]: (m) => changePack(intake, m),
    [liaisonRestore.type]: createRestore(restore),
    [liaisonExport.type]: (m) => exportCommand(exchange, m),
    [liaisonImport.type]: (m) => importAnswer(exchange, m),
  };
  const { operator, observer } = inboxes;
  for (const [name, contract] of Object.entries<LiaisonRequest>(liaisonCommands))
    respond(deps, {
      subject: subjects.liaison.command(name as LiaisonCommandName),
      contracts: [contract],
      // The statement of a command may hold a license code: observers do not get it.
      callers: operator,
      handlers: commands,
    });
  const queries: Handlers<LiaisonQuery, Promise<Answer>> = {
    [queryLiaisonStatus.type]: () => status(store, link),
    [queryAgreements.type]: () => agreements(store),
    [queryLiaisonBackup.type]: (m) => backup(rows, m),
    [queryLiaisonWitness.type]: () => witness(store, link),
  };
  const callers: Readonly<Record<LiaisonQuery['type'], readonly string[]>> = {
    [queryLiaisonStatus.type]: [operator, observer],
    [queryAgreements.type]: [operator],
    [queryLiaisonBackup.type]: [operator],
    [queryLiaisonWitness.type]: [inboxes.inventory],
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
