// The purchase papers: what an operator must find again after everything else is lost.

import { keyPackClaims } from '@calbus/contracts/clearinghouse';
import { liaisonAgreements } from '@calbus/contracts/liaison-messages';
import { answerWith, type Answer } from '@calbus/runtime/responder';
import { openJws } from '@calbus/licenses/jws';
import type { Store } from '../ports.ts';

const MAX_KEY_PACKS = 10_000;

export const agreements = async (
  store: Pick<Store, 'activation' | 'contact' | 'keyPacks'>,
): Promise<Answer> =>
  answerWith(liaisonAgreements, {
    serverId: store.activation()?.serverId ?? null,
    contact: store.contact(),
    // Each was verified when it came.
    keyPacks: store
      .keyPacks()
      .slice(-MAX_KEY_PACKS)
      .flatMap((statement) => keyPackClaims.safeParse(openJws(statement)?.payload).data ?? []),
  });
