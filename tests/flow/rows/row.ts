// One row of the issuing rules as a story on a real license server; the ledger must be sound at its end.

import { test } from 'node:test';
import { startRowSystem, type Cals, type RowSystem } from './row-system.ts';

export type Given = {
  /** Activated unless told otherwise. */
  readonly activated?: boolean;
  /** Installed at the beginning. */
  readonly installed?: readonly Cals[];
};

/** `id`: the row, which is also the name of the file. */
export const row = (
  id: string,
  says: string,
  { activated = true, installed = [] }: Given,
  story: (s: RowSystem) => Promise<void>,
): void => {
  test(`${id}: ${says}`, async () => {
    await using s = await startRowSystem(id);
    if (activated) await s.activate();
    await s.install(...installed);
    await story(s);
    await s.verify();
  });
};
