// What the Clearinghouse answered is handed to the inventory leader, in the order of the commands, until it is recorded or
// refused. A key pack of a license server that inventory does not know as activated would be refused, so none overtakes.

import { faults, type Fault } from '@calbus/contracts/faults';
import { compareVersions, type ProductVersion } from '@calbus/contracts/versions';
import type { RefusalCode } from '@calbus/contracts/refusals';
import type { Log } from '@calbus/runtime/log';
import { requestedVersion, type Command, type CommandState } from '../domain/command.ts';
import type { AnswerResult, IssuedPack, Inventory, RecordOutcome, Store } from '../ports.ts';
import { returnedPackIds } from './pack-returns.ts';

export type DeliveryDeps = {
  readonly store: Store;
  readonly inventory: Inventory;
  /** Resolves when the issuing key of the certificate in force is where issuers find it. */
  readonly keysPublished: () => Promise<void>;
  readonly now: () => number;
  readonly log: Log;
};

const isFinal = ({ code }: Fault): boolean => faults[code].verdict === 'give-up';

const doneWith = (answered: AnswerResult, at: number): CommandState => {
  switch (answered.kind) {
    case 'activated':
      return { state: 'done', at, serverId: answered.serverId };
    case 'key-pack':
      return { state: 'done', at, keyPackId: answered.keyPackId };
    case 'pack-changed':
      return { state: 'done', at, keyPackId: answered.into?.keyPackId ?? answered.keyPackId };
    case 'recovered':
      return { state: 'done', at, ...(answered.more === undefined ? {} : { more: answered.more }) };
    case 'deactivated':
      return { state: 'done', at };
    case 'not-taken':
      return { state: 'rejected', at, reason: answered.reason, says: answered.says };
  }
};

const settledAs = (recorded: RecordOutcome, answered: AnswerResult, at: number): CommandState | undefined => {
  switch (recorded.kind) {
    case 'accepted':
      return doneWith(answered, at);
    case 'refused':
      return { state: 'rejected', at, reason: recorded.code, says: recorded.says };
    case 'faulted': {
      const { fault } = recorded;
      return isFinal(fault)
        ? { state: 'rejected', at, reason: fault.code, says: fault.detail.slice(0, 500) }
        : undefined;
    }
  }
};

type PrepareDeps = Pick<DeliveryDeps, 'store' | 'inventory' | 'now'>;

/** V2, before CALs are taken off the agreement for a key pack that could not be installed. Undefined: ask again later. */
const fits = async (d: PrepareDeps, version: ProductVersion): Promise<RecordOutcome | undefined> => {
  const highest = await d.inventory.serverVersion();
  if (highest === undefined) return undefined;
  if (compareVersions(version, highest) <= 0) return { kind: 'accepted' };
  const says = `The CALs are of version ${version}; this license server is of version ${highest} (setting serverVersion). Nothing was sent.`;
  return { kind: 'refused', code: 'KEY_PACK_REJECTED', says };
};

const prepared = async (d: PrepareDeps, command: Command): Promise<RecordOutcome | undefined> => {
  const version = requestedVersion(command.request);
  if (version !== undefined) return await fits(d, version);
  const head = d.inventory.head();
  return head && (await d.inventory.withhold(head.term, command));
};

/**
 * What inventory must say before a command leaves: CALs that the Clearinghouse is to take are withheld, and those that it is to issue
 * must fit. The next run continues where this one stopped.
 */
export const prepareCommands = async (d: PrepareDeps): Promise<void> => {
  for (const command of d.store.unpreparedCommands()) {
    const recorded = await prepared(d, command);
    if (!recorded) return;
    const { commandId } = command;
    const at = d.now();
    if (recorded.kind === 'accepted') d.store.markPrepared(commandId);
    else if (recorded.kind === 'refused')
      d.store.refuseCommand(commandId, { state: 'rejected', at, reason: recorded.code, says: recorded.says });
    else if (isFinal(recorded.fault)) {
      const { code, detail } = recorded.fault;
      d.store.refuseCommand(commandId, { state: 'rejected', at, reason: code, says: detail.slice(0, 500) });
    } else return;
  }
};

/**
 * Each key pack of a recovery stands for itself. One that is refused is not given back: devices may have licenses of it, and it can be
 * recovered again.
 */
const recordRecovered = async (
  d: DeliveryDeps,
  term: number,
  command: Command,
  packs: readonly IssuedPack[],
): Promise<RecordOutcome> => {
  const back = returnedPackIds(d.store);
  const refused: { readonly code: RefusalCode; readonly says: string }[] = [];
  for (const pack of packs.filter((p) => !back.has(p.keyPackId))) {
    const recorded = await d.inventory.record(term, command, { kind: 'recovered', packs: [pack] });
    if (recorded.kind === 'faulted') return recorded;
    if (recorded.kind === 'refused')
      refused.push({ code: recorded.code, says: `${pack.keyPackId}: ${recorded.says}` });
  }
  const [first] = refused;
  if (!first) return { kind: 'accepted' };
  const count = `Of ${packs.length} key packs ${refused.length} could not be installed.`;
  const says = [count, ...refused.map((r) => r.says)].join(' ');
  return { kind: 'refused', code: first.code, says: says.slice(0, 500) };
};

const record = (
  d: DeliveryDeps,
  term: number,
  command: Command,
  answered: AnswerResult,
): Promise<RecordOutcome> =>
  answered.kind === 'recovered'
    ? recordRecovered(d, term, command, answered.packs)
    : d.inventory.record(term, command, answered);

/** The next run continues where this one stopped. */
export const deliverAnswers = async (d: DeliveryDeps): Promise<void> => {
  for (const { command, answered } of d.store.answeredCommands()) {
    const head = d.inventory.head();
    if (!head) return;
    // Before inventory says that it is activated, issuers must be able to sign under the certificate.
    if (answered.kind === 'activated') await d.keysPublished();
    const recorded = await record(d, head.term, command, answered);
    const state = settledAs(recorded, answered, d.now());
    const { commandId } = command;
    if (!state) {
      const code = recorded.kind === 'faulted' ? recorded.fault.code : '';
      d.log.warn({ commandId, code }, 'inventory does not take an answer yet; it is handed over again');
      return;
    }
    d.store.settleCommand(commandId, state);
    d.log.info({ commandId, state: state.state }, 'inventory has settled a command');
  }
};
