// Which subjects inventory answers, and for whom: queries always, the command families of a term while leading.

import { encode, type Message } from '@calbus/contracts/envelope';
import { queryExplain, type DecisionFacts } from '@calbus/contracts/explain-messages';
import { fault, FaultError } from '@calbus/contracts/faults';
import { inboxes } from '@calbus/contracts/identities';
import {
  inventoryAcceptLoss,
  inventoryActivation,
  inventoryAllocate,
  inventoryConfirmClock,
  inventoryDeactivation,
  leaderHeartbeat,
  inventoryInstall,
  inventoryMergeDevices,
  inventoryReleaseReserve,
  inventoryRestore,
  inventoryRevoke,
  inventorySettings,
  inventorySettleWithheld,
  inventoryUndoMerge,
  inventoryWithhold,
  queryLedger,
  queryLicenses,
  queryPacks,
  querySettings,
  queryStatus,
  queryTerminalServers,
  queryTrust,
} from '@calbus/contracts/inventory-messages';
import { subjects } from '@calbus/contracts/subjects';
import { newId } from '@calbus/runtime/ids';
import { respond, type RespondDeps } from '@calbus/runtime/responder';
import type { BaseState, State } from '../domain/state.ts';
import type { ClockWatch } from '../handlers/clock-watch.ts';
import type { DecisionStore, LedgerPages } from '../ports.ts';
import { activation, deactivation } from '../handlers/activation.ts';
import { allocate } from '../handlers/allocate.ts';
import { explain } from '../handlers/explain.ts';
import { install, settle, withhold } from '../handlers/install.ts';
import type { Leading } from '../handlers/leadership.ts';
import type { Loss } from '../handlers/loss.ts';
import {
  changeSettings,
  confirmClock,
  mergeDevices,
  noLoss,
  notEmpty,
  releaseReserves,
  revoke,
  undoMerge,
} from '../handlers/operate.ts';
import {
  ledgerPage,
  licenses,
  packs,
  settings,
  status,
  trust,
  type StatusFacts,
} from '../handlers/queries.ts';
import { terminalServers } from '../handlers/terminal-servers.ts';

const BEACON_MS = 250;

/** Answers queries until the connection closes. */
export const serveQueries = (
  deps: RespondDeps,
  state: BaseState,
  ledger: LedgerPages,
  decisions: Pick<DecisionStore, 'extent' | 'read'>,
  facts: () => StatusFacts,
): void => {
  const queue = 'inventory';
  const now = deps.clock.now;
  const operator = [inboxes.operator, inboxes.observer];
  const query = (name: string): string => subjects.inventory.query('operator', name);
  // Every replica says how it stands, so that an operator sees them all.
  respond(deps, {
    subject: query('status'),
    contracts: [queryStatus],
    callers: operator,
    handle: async () => status(state, facts()),
  });
  respond(deps, {
    subject: query('packs'),
    queue,
    contracts: [queryPacks],
    callers: operator,
    handle: async () => packs(state),
  });
  respond(deps, {
    subject: query('settings'),
    queue,
    contracts: [querySettings],
    callers: operator,
    handle: async () => settings(state),
  });
  respond(deps, {
    subject: subjects.inventory.query('clearinghouse-liaison', 'settings'),
    queue,
    contracts: [querySettings],
    callers: inboxes['clearinghouse-liaison'],
    handle: async () => settings(state),
  });
  respond(deps, {
    subject: query('licenses'),
    queue,
    contracts: [queryLicenses],
    callers: operator,
    handle: async (m) => licenses(state, now(), m),
  });
  respond(deps, {
    subject: query('terminal-servers'),
    queue,
    contracts: [queryTerminalServers],
    callers: operator,
    handle: async (m) => terminalServers(state, m),
  });
  respond(deps, {
    subject: query('ledger'),
    queue,
    contracts: [queryLedger],
    callers: operator,
    handle: (m) => ledgerPage(ledger, state, m),
  });
  respond(deps, {
    subject: query('explain'),
    queue,
    contracts: [queryExplain],
    callers: operator,
    handle: (m) => explain({ store: decisions, clock: deps.clock, log: deps.log }, m),
  });
  respond(deps, {
    subject: subjects.inventory.query('issuer', 'trust'),
    queue,
    contracts: [queryTrust],
    callers: inboxes.issuer,
    handle: async () => trust(state, now()),
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
  { term, commit, repeats, events }: Leading,
): (() => void) => {
  const { clock, roots } = deps;
  const liaison = inboxes['clearinghouse-liaison'];
  const subscriptions = [
    respond(deps, {
      subject: subjects.inventory.allocate(term),
      contracts: [inventoryAllocate],
      callers: inboxes.issuer,
      handle: (m) => allocate({ commit, repeats, notice: events.answered, decided: deps.decided }, m),
    }),
    respond(deps, {
      subject: subjects.inventory.activation(term),
      contracts: [inventoryActivation, inventoryDeactivation],
      callers: liaison,
      handle: (m) =>
        m.type === inventoryActivation.type
          ? activation(commit, { roots, now: clock.now }, m as Message<typeof inventoryActivation>)
          : deactivation(commit, m),
    }),
    respond(deps, {
      subject: subjects.inventory.install(term),
      contracts: [inventoryInstall, inventoryWithhold, inventorySettleWithheld],
      callers: liaison,
      handle: (m) => {
        if (m.type === inventoryWithhold.type)
          return withhold(commit, m as Message<typeof inventoryWithhold>);
        if (m.type === inventorySettleWithheld.type)
          return settle(commit, m as Message<typeof inventorySettleWithheld>);
        return install(commit, { roots, now: clock.now }, m as Message<typeof inventoryInstall>);
      },
    }),
    respond<Operate>(deps, {
      subject: subjects.inventory.operate(term),
      contracts: operateContracts,
      callers: inboxes.operator,
      handle: async (m) => {
        if (m.type === inventorySettings.type)
          return changeSettings(commit, m as Message<typeof inventorySettings>);
        if (m.type === inventoryAcceptLoss.type) return noLoss();
        if (m.type === inventoryRevoke.type) return revoke(commit, m as Message<typeof inventoryRevoke>);
        if (m.type === inventoryMergeDevices.type)
          return mergeDevices(commit, m as Message<typeof inventoryMergeDevices>);
        if (m.type === inventoryReleaseReserve.type) return releaseReserves(commit, m);
        if (m.type === inventoryRestore.type) return notEmpty();
        if (m.type === inventoryUndoMerge.type)
          return undoMerge(commit, m as Message<typeof inventoryUndoMerge>);
        return confirmClock(commit, deps.watch, m);
      },
    }),
  ];
  const endBeacon = startBeacon(deps, state, term, 'leading');
  return () => {
    endBeacon();
    for (const s of subscriptions) s.unsubscribe();
  };
};

const operateContracts = [
  inventorySettings,
  inventoryConfirmClock,
  inventoryAcceptLoss,
  inventoryRevoke,
  inventoryMergeDevices,
  inventoryUndoMerge,
  inventoryReleaseReserve,
  inventoryRestore,
] as const;
type Operate = (typeof operateContracts)[number];

/** While something of the ledger is lost: takes nothing but the operator's word, and says so in the beacon. */
export const serveLoss = (deps: TermDeps, state: State, { term, accept, restore }: Loss): (() => void) => {
  const subscription = respond<Operate>(deps, {
    subject: subjects.inventory.operate(term),
    contracts: operateContracts,
    callers: inboxes.operator,
    handle: (m) => {
      if (m.type === inventoryAcceptLoss.type) return accept((m as Message<typeof inventoryAcceptLoss>).body);
      if (m.type === inventoryRestore.type) return restore((m as Message<typeof inventoryRestore>).body);
      const detail = 'Something of the ledger is lost: accept it first, with calbus ledger accept-loss.';
      throw new FaultError(fault('NO_LEADER', detail));
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
  beacon();
  const timer = setInterval(beacon, BEACON_MS);
  return () => clearInterval(timer);
};
