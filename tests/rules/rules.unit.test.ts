// Every rule in this process, in milliseconds.

import { describe, test } from 'node:test';
import { openWorld } from './in-process/world.ts';
import { runScenario } from './scenario.ts';
import { groups } from './scenarios/index.ts';

for (const [name, scenarios] of Object.entries(groups))
  describe(name, () => {
    for (const s of scenarios)
      test(`${s.rule}: ${s.title}`, async () => {
        await using world = await openWorld();
        await runScenario(s, world);
      });
  });
