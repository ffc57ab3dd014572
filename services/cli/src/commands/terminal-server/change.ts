// One change of the list, in force on every node when it returns; where a node does not take it, nothing has changed.

import type { Admitted } from '@calbus/contracts/admitted';
import { Problem } from '../../problem.ts';
import { alone, readList, writeList } from './list-file.ts';
import type { Nodes } from './nodes.ts';

export type Changed = {
  readonly nodes: readonly string[];
  /** Nodes that did not answer: they take the list when they start, or with the next command. */
  readonly silent: number;
};

export type Change = {
  readonly folder: string;
  readonly nodes: Nodes;
  /** The list as it is to be; may throw a Problem. */
  readonly to: (list: Admitted) => Admitted;
  /** Tried when all nodes have taken it: where it throws, the list is put back. */
  readonly prove?: () => Promise<void>;
};

const sentence = (outcomes: ReadonlyMap<string, string | undefined>): string =>
  [...outcomes].flatMap(([node, why]) => (why === undefined ? [] : [`${node}: ${why}`])).join('; ');

export const changeList = (c: Change): Promise<Changed> =>
  alone(c.folder, async () => {
    const before = readList(c.folder);
    const after = c.to(before);
    const { nodes, expected } = await c.nodes.present();
    if (nodes.length === 0)
      throw new Problem(
        'UNREACHABLE',
        'No node of NATS says that it is there, so nothing was changed. Try again.',
      );
    writeList(c.folder, after);
    const back = async (): Promise<void> => {
      writeList(c.folder, before);
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
