import { liaisonStatus } from '@calbus/contracts/liaison-messages';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { certificateFacts } from '@calbus/licenses/certificates';
import type { CommandLink, Store } from '../ports.ts';
import { hasNewerCopy } from './clone-detection.ts';
import { commandSummary } from './command-intake.ts';

const MAX_COMMANDS = 100;

export const status = async (store: Store, outlet: Pick<CommandLink, 'isUp'>): Promise<Answer> => {
  const activation = store.activation();
  const [newest] = [...store.keys()].sort((a, b) => b.madeAt - a.madeAt);
  return answerWith(liaisonStatus, {
    productId: store.productId,
    activation: activation && {
      serverId: activation.serverId,
      epoch: activation.epoch,
      certificateNotAfter: certificateFacts(activation.chain[0] ?? '')?.notAfter ?? 0,
      ...(activation.deactivated ? { deactivated: true } : {}),
    },
    link: outlet.isUp() ? 'up' : 'down',
    ...(hasNewerCopy(store) ? { superseded: true } : {}),
    issuingKey: newest ? { kid: newest.kid, notAfter: newest.notAfter } : null,
    commands: store.newestCommands(MAX_COMMANDS).map(commandSummary),
  });
};
