// One change of the list of terminal servers. It is in force on every node when it returns. Where a node refuses it, nothing changes.

import type { AdmissionEntries } from '@calbus/contracts/admission-list';
import { Problem } from '../problem.ts';
import { readAdmissionList, withAdmissionLock, writeAdmissionList } from './admission-list.ts';
import type { NatsNodes } from './nats-nodes.ts';

export type AdmissionChangeResult = {
  readonly nodes: readonly string[];
  /** The number of nodes that did not answer. They read the list when they start, or at the next command. */
  readonly silent: number;
};

export type AdmissionChange = {
  readonly folder: string;
  readonly nodes: NatsNodes;
  /** Returns the new list. It may throw a Problem. */
  readonly to: (list: AdmissionEntries) => AdmissionEntries;
  /** Runs when all nodes have the new list. Where it throws, the old list is put back. */
  readonly prove?: () => Promise<void>;
};

const describeRefusals = (outcomes: ReadonlyMap<string, string | undefined>): string =>
  [...outcomes].flatMap(([node, why]) => (why === undefined ? [] : [`${node}: ${why}`])).join('; ');

export const changeAdmissions = (c: AdmissionChange): Promise<AdmissionChangeResult> =>
  withAdmissionLock(c.folder, async () => {
    const before = readAdmissionList(c.folder);
    const after = c.to(before);
    const { nodes, expected } = await c.nodes.present();
    if (nodes.length === 0)
      throw new Problem(
        'UNREACHABLE',
        'No node of NATS says that it is there, so nothing was changed. Try again.',
      );
    writeAdmissionList(c.folder, after);
    const rollBack = async (): Promise<void> => {
      writeAdmissionList(c.folder, before);
      await c.nodes.reload(nodes);
    };
    const refused = describeRefusals(await c.nodes.reload(nodes));
    if (refused !== '') {
      await rollBack();
      throw new Problem(
        'RELOAD_REFUSED',
        `NATS keeps the configuration that it has, and the list is as it was. ${refused}`,
      );
    }
    try {
      await c.prove?.();
    } catch (error) {
      await rollBack();
      throw error;
    }
    return { nodes: nodes.map((n) => n.name), silent: Math.max(0, expected - nodes.length) };
  });
