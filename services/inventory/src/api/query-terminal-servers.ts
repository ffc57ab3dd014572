// The query for terminal servers: what was decided for each, and how it last said that it stands.

import type { Message } from '@calbus/contracts/envelope';
import {
  inventoryTerminalServers,
  type KnownTerminalServer,
  type queryTerminalServers,
} from '@calbus/contracts/inventory-query-messages';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import type { BaseState, TerminalServerCounts } from '../state/state.ts';

const knownOf = (
  terminalServerId: string,
  { temporary, full, renewed, refused, standing }: TerminalServerCounts,
): KnownTerminalServer => ({
  terminalServerId,
  temporary,
  full,
  renewed,
  refused,
  ...(standing ? { standing } : {}),
});

export const terminalServers = (
  { head, terminalServers: all }: Pick<BaseState, 'head' | 'terminalServers'>,
  { body }: Message<typeof queryTerminalServers>,
): Answer => {
  const { generation, sequence } = head;
  const { terminalServerId: only, limit } = body;
  const asked = [...all].filter(([id]) => only === undefined || id === only);
  const sorted = asked.sort(([a], [b]) => (a < b ? -1 : 1));
  return answerWith(inventoryTerminalServers, {
    position: { generation, sequence },
    terminalServers: sorted.slice(0, limit).map(([id, counts]) => knownOf(id, counts)),
    more: sorted.length > limit,
  });
};
