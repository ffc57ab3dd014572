// A rule of docs/issuance.md as a scenario. It is told in process, and some are told on a deployment too.

import type { Cals, World } from './world.ts';
import { activate, install } from './operator.ts';

export type Setup = {
  /** Default: true. */
  readonly activated?: boolean;
  /** Installed at the beginning. */
  readonly installed?: readonly Cals[];
  /** The wire that this scenario proves on a deployment. Absent: it is told in process only. */
  readonly wire?: string;
};

export type Scenario = {
  /** The rule: `D4`, `N4`. */
  readonly rule: string;
  readonly title: string;
  readonly setup: Setup;
  readonly steps: (w: World) => Promise<void>;
};

export const scenario = (
  rule: string,
  title: string,
  setup: Setup,
  steps: (w: World) => Promise<void>,
): Scenario => ({ rule, title, setup, steps });

/** The ledger must be sound at the end. */
export const runScenario = async ({ setup, steps }: Scenario, w: World): Promise<void> => {
  const { activated = true, installed = [] } = setup;
  if (activated) await activate(w);
  await install(w, ...installed);
  await steps(w);
  await w.verify();
};
