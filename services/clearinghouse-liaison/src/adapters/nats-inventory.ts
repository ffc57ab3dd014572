// Inventory for the liaison: the leader's heartbeat, and the liaison's commands to it.

import type { NatsConnection } from 'nats';
import { dispatch, type Body, type Handlers } from '@calbus/contracts/envelope';
import { faultOf } from '@calbus/contracts/faults';
import {
  inventoryAccepted,
  inventoryActivation,
  inventoryDeactivation,
  inventoryInstall,
  inventoryRefused,
  inventorySettleWithheld,
  inventoryWithhold,
} from '@calbus/contracts/inventory-command-messages';
import { inventoryCurrentSettings, querySettings } from '@calbus/contracts/inventory-query-messages';
import { recordAnswers, type InventoryCommand } from '@calbus/contracts/inventory-interface';
import { subjects } from '@calbus/contracts/subjects';
import { createLeaderClient } from '@calbus/inventory-client/leader-client';
import { inventoryProblem, subscribeToLeader } from '@calbus/inventory-client/leader-heartbeat';
import { sendRequest } from '@calbus/runtime/request';
import type { Clock } from '@calbus/runtime/clock';
import { newId } from '@calbus/runtime/ids';
import { errorFacts, type Log } from '@calbus/runtime/log';
import type { Command } from '../domain/command.ts';
import type { AnswerResult, IssuedPack, Inventory, RecordOutcome } from '../ports.ts';

const REQUEST_TIMEOUT_MS = 5_000;
const outcomes: Handlers<(typeof recordAnswers)[number], RecordOutcome> = {
  [inventoryAccepted.type]: () => ({ kind: 'accepted' }),
  [inventoryRefused.type]: ({ body }) => ({ kind: 'refused', code: body.code, says: body.detail }),
};

/** One command to the leader, when called. */
type LeaderCommand = () => Promise<RecordOutcome>;

/** One after the other; each is recorded once, whatever is repeated, so that all can be told again. */
const inTurn = async (tells: readonly LeaderCommand[]): Promise<RecordOutcome> => {
  for (const tell of tells) {
    const recorded = await tell();
    if (recorded.kind !== 'accepted') return recorded;
  }
  return { kind: 'accepted' };
};

/** `wrong`: what is wrong while inventory is not heard. */
export type NatsInventory = Inventory & { readonly wrong: () => string | undefined };

export const natsInventory = (nc: NatsConnection, clock: Clock, log: Log): NatsInventory => {
  // The issuers put aside heartbeats that do not decode.
  const tracker = subscribeToLeader(nc, clock, {
    error: (error) => log.error(errorFacts(error), 'the leader heartbeat cannot be received'),
  });
  const leader = createLeaderClient(nc, clock, tracker);
  const commandsOf =
    (term: number, correlationId: string) =>
    <F extends 'activation' | 'install', C extends InventoryCommand<F>>(
      family: F,
      contract: C,
      body: Body<C>,
    ): LeaderCommand =>
    async () => {
      const options = { term, correlationId, timeoutMs: REQUEST_TIMEOUT_MS };
      try {
        return dispatch(outcomes, await leader.send(family, contract, body, recordAnswers, options));
      } catch (error) {
        const fault = faultOf(error);
        if (!fault) throw error;
        return { kind: 'faulted', fault };
      }
    };
  const recordings = (term: number, { commandId, by }: Command, answered: AnswerResult): LeaderCommand[] => {
    const command = commandsOf(term, commandId);
    const pack = ({ keyPack }: IssuedPack, recovered: boolean): LeaderCommand => {
      const body = { commandId, keyPack, by, ...(recovered ? { recovered } : {}) };
      return command('install', inventoryInstall, body);
    };
    const settle = (outcome: 'removed' | 'given-back'): LeaderCommand =>
      command('install', inventorySettleWithheld, { commandId, outcome });
    switch (answered.kind) {
      case 'activated': {
        const { serverId, epoch } = answered;
        const body = { commandId, serverId, epoch, chain: [...answered.chain], by };
        return [command('activation', inventoryActivation, body)];
      }
      case 'deactivated':
        return [command('activation', inventoryDeactivation, { commandId, by })];
      case 'key-pack':
        return [pack(answered, false)];
      case 'recovered':
        return answered.packs.map((p) => pack(p, true));
      case 'pack-changed':
        return [settle('removed'), ...(answered.into === null ? [] : [pack(answered.into, false)])];
      case 'not-taken':
        return [settle('given-back')];
    }
  };
  const settings = subjects.inventory.query('clearinghouse-liaison', 'settings');
  return {
    head: tracker.latest,
    wrong: () => inventoryProblem(tracker),
    serverVersion: async () => {
      const stamp = { id: newId(), sentAt: clock.now() };
      try {
        const told = await sendRequest(
          nc,
          settings,
          querySettings,
          stamp,
          {},
          [inventoryCurrentSettings],
          REQUEST_TIMEOUT_MS,
        );
        return told.body.settings.serverVersion;
      } catch (error) {
        if (!faultOf(error)) throw error;
        return undefined;
      }
    },
    record: (term, command, answered) => inTurn(recordings(term, command, answered)),
    withhold: (term, { commandId, by, request }) => {
      if (request.kind !== 'change-pack')
        throw new Error('a command that needs no CALs was to withhold some');
      const { keyPackId, quantity } = request;
      const body = { commandId, keyPackId, quantity, by };
      return inTurn([commandsOf(term, commandId)('install', inventoryWithhold, body)]);
    },
  };
};
