// The scenarios that prove the wiring, on one deployment with real servers and services.

import { after, before, test } from 'node:test';
import { startSite, type Site } from './deployment/site.ts';
import { openWorld } from './deployment/world.ts';
import { runScenario } from './scenario.ts';
import { deployedScenarios } from './scenarios/index.ts';

const accountOf = (rule: string): string => `rules-${rule}`;

let site: Site;
before(async () => {
  site = await startSite(deployedScenarios.map((s) => accountOf(s.rule)));
});
after(async () => {
  await site?.[Symbol.asyncDispose]();
});

for (const s of deployedScenarios)
  test(`${s.rule}: ${s.title} (${s.setup.wire})`, async () => {
    await using world = await openWorld(site, accountOf(s.rule));
    await runScenario(s, world);
  });
