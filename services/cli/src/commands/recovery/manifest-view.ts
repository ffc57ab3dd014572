// The manifest of a backup as lines for people.

import { grouped, moment } from '@calbus/operator-client/text';
import { labelled } from '../../print.ts';
import type { Manifest } from './backup-content.ts';

const line = labelled(14);

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, n) => sum + n, 0);

export const showManifest = (m: Manifest): void => {
  line('Made', `${moment(m.madeAt)} UTC, by ${m.madeBy}`);
  line(
    'License server',
    m.serverId === null
      ? `not activated, product id ${m.productId}`
      : `${grouped(m.serverId)}, epoch ${m.epoch ?? 0}`,
  );
  line(
    'Ledger',
    `up to ${m.end.sequence} of generation ${m.end.generation}, ${moment(m.end.time)} UTC, hash ${m.end.hash}`,
  );
  line('', `${m.messages} messages, of which ${m.voidMessages} VOID; ${total(m.records)} records`);
  line(
    'Liaison',
    Object.entries(m.liaisonRows)
      .map(([table, n]) => `${n} ${table}`)
      .join(', '),
  );
};
