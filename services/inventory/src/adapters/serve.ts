// Which subjects inventory answers, and for whom: queries always, the command families of a term while leading.

import { encode, type Handlers } from '@calbus/contracts/envelope';
import { queryExplain, type DecisionFacts } from '@calbus/contracts/explain-messages';
import { fault, FaultError } from '@calbus/contracts/faults';
import { inboxes } from '@calbus/contracts/identities';
import {
  inventoryCommands,
  inventoryQueries,
  type InventoryQuery,
} from '@calbus/contracts/inventory-interface';
import { inventoryAcceptLoss, inventoryRestore, queryLedger } from '@calbus/contracts/ledger-messages';
import {
  inventoryActivation,
  inventoryConfirmClock,
  inventoryDeactivation,
  inventoryInstall,
  inventoryMergeDevices,
  inventoryReleaseReserve,
  inventoryRevoke,
  inventorySettings,
  inventorySettleWithheld,
  inventoryUndoMerge,
  inventoryWithhold,
} from '@calbus/contracts/inventory-command-messages';
import { inventoryAllocate } from '@calbus/contracts/allocation-messages';
import { leaderHeartbeat } from '@calbus/contracts/leader-heartbeat';
import {
  queryLicenses,
  queryPacks,
  querySettings,
  queryTerminalServers,
  queryTrust,
} from '@calbus/contracts/inventory-query-messages';
import { queryStatus } from '@calbus/contracts/inventory-status-messages';
import { subjects } from '@calbus/contracts/subjects';
import { newId } from '@calbus/runtime/ids';
import { respond, type Answer, type RespondDeps } from '@calbus/runtime/responder';
import type { BaseState, State } from '../state/state.ts';
import type { ClockWatch } from '../handlers/clock-watch.ts';
import type { DecisionStore, LedgerPages } from '../ports.ts';
import { activation, deactivation } from '../api/activation.ts';
import { allocate } from '../api/allocate.ts';
import { explain } from '../api/explain.ts';
import { install, settleWithheld, withhold } from '../api/install.ts';
import type { Leading } from '../handlers/leadership.ts';
import type { Loss } from '../handlers/loss.ts';
import {
  changeSettings,
  confirmClock,
  mergeDevices,
  noLoss,
  notEmpty,
  releaseReserve,
  revoke,
  undoMerge,
} from '../api/operate.ts';
import { ledgerPage, licenses, packs, settings, status, trust, type StatusFacts } from '../api/queries.ts';
import { terminalServers } from '../api/query-terminal-servers.ts';

const HEARTBEAT_INTERVAL_MS = 250;

/** Answers queries until the connection closes. */
export const serveQueries = (
  deps: RespondDeps,
  state: BaseState,
  ledger: LedgerPages,
  decisions: Pick<DecisionStore, 'extent' | 'read'>,
  facts: () => StatusFacts,
): void => {
  const { clock, log } = deps;
  const operator = [inboxes.operator, inboxes.observer];
  const callers = { ...inboxes, operator };
  const handlers: Handlers<InventoryQuery, Answer | Promise<Answer>> = {
    [queryTrust.type]: () => trust(state, clock.now()),
    [queryStatus.type]: () => status(state, facts()),
    [querySettings.type]: () => settings(state),
    [queryPacks.type]: () => packs(state),
    [queryLicenses.type]: (m) => licenses(state, clock.now(), m),
    [queryTerminalServers.type]: (m) => terminalServers(state, m),
    [queryLedger.type]: (m) => ledgerPage(ledger, state, m),
    [queryExplain.type]: (m) => explain({ store: decisions, clock, log }, m),
  };
  for (const role of ['issuer', 'operator', 'clearinghouse-liaison'] as const)
    for (const [name, { query }] of Object.entries<{ readonly query: InventoryQuery }>(
      inventoryQueries[role],
    ))
      respond(deps, {
        subject: subjects.inventory.query(role, name),
        // Every replica says how it stands, so that an operator sees them all.
        ...(query === queryStatus ? {} : { queue: 'inventory' }),
        contracts: [query],
        callers: callers[role],
        handlers,
      });
};

export type TermDeps = RespondDeps & {
  readonly roots: readonly string[];
  readonly replica: string;
  readonly watch: ClockWatch;
  readonly decided: (facts: DecisionFacts) => void;
};

/** Answers the commands of one term and sends the beacon; what it returns ends both. */
export const serveTerm = (
  deps: TermDeps,
  state: State,
  { term, commit, refusalCounter, events }: Leading,
): (() => void) => {
  const { clock, roots } = deps;
  const liaison = inboxes['clearinghouse-liaison'];
  const subscriptions = [
    respond(deps, {
      subject: subjects.inventory.allocate(term),
      contracts: inventoryCommands.allocate,
      callers: inboxes.issuer,
      handlers: {
        [inventoryAllocate.type]: (m) =>
          allocate({ commit, refusalCounter, notice: events.raiseRateLimited, logDecision: deps.decided }, m),
      },
    }),
    respond(deps, {
      subject: subjects.inventory.activation(term),
      contracts: inventoryCommands.activation,
      callers: liaison,
      handlers: {
        [inventoryActivation.type]: (m) => activation(commit, { roots, now: clock.now }, m),
        [inventoryDeactivation.type]: (m) => deactivation(commit, m),
      },
    }),
    respond(deps, {
      subject: subjects.inventory.install(term),
      contracts: inventoryCommands.install,
      callers: liaison,
      handlers: {
        [inventoryInstall.type]: (m) => install(commit, { roots, now: clock.now }, m),
        [inventoryWithhold.type]: (m) => withhold(commit, m),
        [inventorySettleWithheld.type]: (m) => settleWithheld(commit, m),
      },
    }),
    respond(deps, {
      subject: subjects.inventory.operate(term),
      contracts: inventoryCommands.operate,
      callers: inboxes.operator,
      handlers: {
        [inventorySettings.type]: (m) => changeSettings(commit, m),
        [inventoryConfirmClock.type]: (m) => confirmClock(commit, deps.watch, m),
        [inventoryAcceptLoss.type]: noLoss,
        [inventoryRevoke.type]: (m) => revoke(commit, m),
        [inventoryMergeDevices.type]: (m) => mergeDevices(commit, m),
        [inventoryUndoMerge.type]: (m) => undoMerge(commit, m),
        [inventoryReleaseReserve.type]: (m) => releaseReserve(commit, m),
        [inventoryRestore.type]: notEmpty,
      },
    }),
  ];
  const endBeacon = startBeacon(deps, state, term, 'leading');
  return () => {
    endBeacon();
    for (const s of subscriptions) s.unsubscribe();
  };
};

const ledgerIsLost = (): never => {
  const detail = 'Something of the ledger is lost: accept it first, with calbus ledger accept-loss.';
  throw new FaultError(fault('NO_LEADER', detail));
};

/** While something of the ledger is lost: takes nothing but the operator's word, and says so in the beacon. */
export const serveLoss = (deps: TermDeps, state: State, { term, accept, restore }: Loss): (() => void) => {
  const subscription = respond(deps, {
    subject: subjects.inventory.operate(term),
    contracts: inventoryCommands.operate,
    callers: inboxes.operator,
    handlers: {
      [inventoryAcceptLoss.type]: ({ body }) => accept(body),
      [inventoryRestore.type]: ({ body }) => restore(body),
      [inventorySettings.type]: ledgerIsLost,
      [inventoryConfirmClock.type]: ledgerIsLost,
      [inventoryRevoke.type]: ledgerIsLost,
      [inventoryMergeDevices.type]: ledgerIsLost,
      [inventoryUndoMerge.type]: ledgerIsLost,
      [inventoryReleaseReserve.type]: ledgerIsLost,
    },
  });
  const endBeacon = startBeacon(deps, state, term, 'loss');
  return () => {
    endBeacon();
    subscription.unsubscribe();
  };
};

const startBeacon = (
  { nc, clock, replica }: TermDeps,
  state: State,
  term: number,
  standing: 'leading' | 'loss',
): (() => void) => {
  const beacon = (): void => {
    const { generation, sequence, hash, time, trustRevision, losses } = state.head;
    const place = { generation, sequence, hash, time, trustRevision };
    const body = { term, replica, ...place, life: losses + 1, standing };
    nc.publish(
      subjects.inventory.heartbeat,
      encode(leaderHeartbeat, { id: newId(), sentAt: clock.now() }, body),
    );
  };
  const end = new AbortController();
  const beat = async (): Promise<void> => {
    while (!end.signal.aborted) {
      beacon();
      await clock.sleep(HEARTBEAT_INTERVAL_MS, end.signal);
    }
  };
  void beat();
  return () => end.abort();
};
