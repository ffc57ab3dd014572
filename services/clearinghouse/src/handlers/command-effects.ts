// A decision and its effects on the register, within the caller's transaction.

import type { PurchasedCals } from '@calbus/contracts/purchases';
import type { ClearinghouseCommand, KeyPackClaims } from '@calbus/contracts/clearinghouse';
import { parseCode, agreementNumberOfCode } from '../domain/codes.ts';
import {
  checkSender,
  decideActivate,
  decideChangePack,
  decideCode,
  decideInstall,
  decideReactivate,
  provesCopy,
  reject,
  type ServerCommand,
  type Rejection,
} from '../domain/decisions.ts';
import type { Pack, Sender, Server } from '../domain/registry.ts';
import type { Random, Registry, Signer, Store } from '../ports.ts';

export type CommandDeps = {
  readonly store: Store;
  readonly signer: Signer;
  readonly random: Random;
  readonly now: () => number;
};

export type VerifiedCommand =
  Rejection | { readonly kind: 'command'; readonly command: ClearinghouseCommand; readonly key: string };

export type AppliedCommand =
  Rejection | { readonly kind: ClearinghouseCommand['type']; readonly answer: string };

/** The certificate of an activation, made before the transaction, because making it is asynchronous. */
export type ActivationDraft = { readonly serverId: string; readonly chain: readonly string[] } | undefined;

/** The id for an activation: the present one, or a new one. */
const idFor = (d: CommandDeps, command: ClearinghouseCommand): string | undefined => {
  switch (command.type) {
    case 'reactivate':
      return command.serverId;
    case 'activate':
      return (
        d.store.transact((registry) => registry.server(command.productId)?.serverId) ?? d.random.identifier()
      );
    default:
      return undefined;
  }
};

export const draftActivation = async (d: CommandDeps, opened: VerifiedCommand): Promise<ActivationDraft> => {
  if (opened.kind !== 'command') return undefined;
  const serverId = idFor(d, opened.command);
  return serverId === undefined
    ? undefined
    : { serverId, chain: [await d.signer.certify(serverId, opened.key, d.now())] };
};

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);

type Work = {
  readonly d: CommandDeps;
  readonly registry: Registry;
  readonly sender: Sender;
  readonly at: number;
  /** Signs an answer to the command. */
  readonly answer: (type: string, body: object) => string;
};

const packStatement = (w: Work, { commandId: _commandId, ...pack }: Pack): string =>
  w.d.signer.keyPack({ version: 1, ...pack } satisfies KeyPackClaims);

const activate = (
  w: Work,
  command: Extract<ClearinghouseCommand, { type: 'activate' | 'reactivate' }>,
  draft: ActivationDraft,
): AppliedCommand => {
  const { registry, sender } = w;
  const { productId } = command;
  if (!draft) throw new Error('an activation without a certificate');
  const known =
    command.type === 'activate' ? registry.server(productId) : registry.serverById(command.serverId);
  const decision =
    command.type === 'activate'
      ? decideActivate(known, sender)
      : decideReactivate(
          known,
          sender,
          {
            onPaper: registry.packsOn(command.serverId, command.body.paper).length,
            all: registry.packCount(command.serverId),
          },
          registry.server(productId),
        );
  if (decision.kind === 'rejected') return decision;
  const { epoch } = decision;
  const contact = command.type === 'activate' ? command.body.contact : known?.contact;
  if (!contact || (known && draft.serverId !== known.serverId))
    throw new Error('an activation of another license server than was certified');
  const server: Server = {
    ...draft,
    productId,
    user: sender.user,
    key: sender.key,
    epoch,
    contact,
    activatedAt: w.at,
    epochSince: Math.max(w.at, command.issuedAt),
    standing: 'active',
  };
  if (known) registry.replaceServer(server);
  else registry.addServer(server);
  registry.recordWitness(productId, command.sequence, command.witness);
  return { kind: command.type, answer: w.answer('activated', { ...draft, epoch }) };
};

const newPack = (w: Work, server: Server, commandId: string, purchase: PurchasedCals): Pack => ({
  keyPackId: w.d.random.identifier(),
  serverId: server.serverId,
  epoch: server.epoch,
  issuedAt: w.at,
  commandId,
  purchase,
});

const install = (
  w: Work,
  command: Extract<ServerCommand, { type: 'install' }>,
  server: Server,
): AppliedCommand => {
  const { registry, d } = w;
  const asked = command.body;
  const issued = (pack: Pack): AppliedCommand => ({
    kind: 'install',
    answer: w.answer('key-pack', { keyPack: packStatement(w, pack) }),
  });
  if (asked.program === 'retail') {
    const number = parseCode(asked.code, d.signer.codeCheck);
    const decision = decideCode(number === undefined ? undefined : registry.code(number), day);
    if (decision.kind === 'rejected') return decision;
    const { code } = decision;
    const paper = { program: 'retail', agreementNumber: agreementNumberOfCode(code.number) } as const;
    const pack = newPack(w, server, command.id, { ...paper, ...code.contents });
    registry.useCode(code, pack);
    return issued(pack);
  }
  const decision = decideInstall(asked.quantity, registry.findCover(asked));
  if (decision.kind === 'rejected') return decision;
  const pack = newPack(w, server, command.id, asked);
  registry.issuePack(pack);
  return issued(pack);
};

const changePack = (
  w: Work,
  { id, body: { keyPackId, quantity, to } }: Extract<ServerCommand, { type: 'change-pack' }>,
  server: Server,
): AppliedCommand => {
  const decision = decideChangePack(w.registry.pack(keyPackId), server.serverId, quantity);
  if (decision.kind === 'rejected') return decision;
  const { pack } = decision;
  const answered = (keyPack: string | null): AppliedCommand => ({
    kind: 'change-pack',
    answer: w.answer('pack-changed', { keyPackId, quantity, keyPack }),
  });
  if (to === 'agreement') {
    w.registry.returnCals(pack, quantity);
    return answered(null);
  }
  const mode = pack.purchase.mode === 'per-device' ? 'per-user' : 'per-device';
  const into = newPack(w, server, id, { ...pack.purchase, mode, quantity });
  w.registry.convertCals(pack, into);
  return answered(packStatement(w, into));
};

const ofServer = (w: Work, command: ServerCommand, server: Server): AppliedCommand => {
  const { registry } = w;
  const { serverId, epoch } = server;
  switch (command.type) {
    case 'install':
      return install(w, command, server);
    case 'deactivate':
      registry.replaceServer({ ...server, standing: 'deactivated' });
      return { kind: 'deactivate', answer: w.answer('deactivated', {}) };
    case 'recover': {
      const { packs, more } = registry.takePacksToRecover(serverId, epoch, command.body.paper, w.at);
      if (packs.length === 0) return reject('NOT_YOURS');
      const keyPacks = packs.map((pack) => packStatement(w, { ...pack, epoch, issuedAt: w.at }));
      return {
        kind: 'recover',
        answer: w.answer('recovered', { keyPacks, ...(more > 0 ? { more } : {}) }),
      };
    }
    case 'change-pack':
      return changePack(w, command, server);
  }
};

export const applyCommand = (
  d: CommandDeps,
  registry: Registry,
  user: string,
  opened: VerifiedCommand,
  draft: ActivationDraft,
  commandHash: string,
): AppliedCommand => {
  if (opened.kind === 'rejected') return opened;
  const { command, key } = opened;
  const at = d.now();
  const { id: commandId, productId } = command;
  const statement = { id: d.random.id(), version: 1, issuedAt: at, commandId, commandHash, productId };
  const answer = (type: string, body: object): string => d.signer.answer({ ...statement, type, body });
  const w: Work = { d, registry, sender: { user, key }, at, answer };
  if (command.type === 'activate' || command.type === 'reactivate') return activate(w, command, draft);
  const server = registry.serverById(command.serverId);
  const wrong = checkSender(command, server, w.sender);
  if (wrong?.reason === 'WRONG_EPOCH' && server && provesCopy(command, server))
    registry.recordClone(server.serverId, at);
  if (wrong) return wrong;
  if (!server) throw new Error('a command without a sender was accepted');
  registry.recordWitness(productId, command.sequence, command.witness);
  return ofServer(w, command, server);
};
