// One change of the list, in force on every node when it returns; where a node does not take it, nothing has changed.

import type { AdmissionEntries } from '@calbus/contracts/admission-list';
import { Problem } from '../problem.ts';
import { withAdmissionLock, readAdmissionList, writeAdmissionList } from './admission-list.ts';
import type { NatsNodes } from './nats-nodes.ts';

export type AdmissionChangeResult = {
  readonly nodes: readonly string[];
  /** Nodes that did not answer: they take the list when they start, or with the next command. */
  readonly silent: number;
};

export type AdmissionChange = {
  readonly folder: string;
  readonly nodes: NatsNodes;
  /** The list as it is to be; may throw a Problem. */
  readonly to: (list: AdmissionEntries) => AdmissionEntries;
  /** Tried when all nodes have taken it: where it throws, the list is put back. */
  readonly prove?: () => Promise<void>;
};

const sentence = (outcomes: ReadonlyMap<string, string | undefined>): string =>
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
    const back = async (): Promise<void> => {
      writeAdmissionList(c.folder, before);
      await c.nodes.reload(nodes);
    };
    const refused = sentence(await c.nodes.reload(nodes));
    if (refused !== '') {
      await back();
      throw new Problem(
        'RELOAD_REFUSED',
        `NATS keeps the configuration that it has, and the list is as it was. ${refused}`,
      );
    }
    try {
      await c.prove?.();
    } catch (error) {
      await back();
      throw error;
    }
    return { nodes: nodes.map((n) => n.name), silent: Math.max(0, expected - nodes.length) };
  });
