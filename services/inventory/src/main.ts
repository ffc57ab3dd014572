import { newId } from '@calbus/runtime/ids';
import { runService } from '@calbus/runtime/service';
import { limitHeapGrowth } from './adapters/heap-limit.ts';
import { config } from './config.ts';
import { openConnections } from './wiring/connections.ts';
import { registerHealth } from './wiring/health.ts';
import { joinElection } from './wiring/leadership.ts';
import { openLedger } from './wiring/ledger.ts';
import { openProjections } from './wiring/projections.ts';
import { answerQueries } from './wiring/queries.ts';

await runService({
  name: 'inventory',
  config,
  start: async (c, service) => {
    limitHeapGrowth();
    const connections = await openConnections(c, service);
    const ledger = await openLedger(c, service, connections);
    const projections = await openProjections(service, connections, ledger);
    const election = await joinElection(c, service, connections, ledger, projections, newId());
    answerQueries(c, service, connections, ledger, projections, election);
    registerHealth(service, connections, ledger, projections, election);
    // An operator who reads in the log that inventory has started may ask it at once.
    await connections.nc.flush();
  },
});
