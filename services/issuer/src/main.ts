import { identities, inboxes } from '@calbus/contracts/identities';
import { countDeadLetters, natsDeadLetters } from '@calbus/runtime/dead-letters';
import { answerDiscovery } from '@calbus/runtime/discovery';
import { createEndpoints } from '@calbus/runtime/endpoints';
import { connectNats, closeNats, connectionProblem, watchConnection } from '@calbus/runtime/nats';
import { runService } from '@calbus/runtime/service';
import { version } from '@calbus/runtime/version';
import { readIssuingKeys } from './adapters/issuing-keys.ts';
import { natsInventory } from './adapters/inventory.ts';
import { issuerMetrics } from './adapters/metrics.ts';
import { consumeRequests } from './adapters/request-queue.ts';
import { natsTerminalServers } from './adapters/terminal-servers.ts';
import { openTrustStore } from './adapters/trust-store.ts';
import { config } from './config.ts';
import { handleBatch } from './handlers/requests.ts';

await runService({
  name: 'issuer',
  config,
  start: async (c, { clock, log, metrics, onStop, readiness, signal }) => {
    const { inbox } = identities.issuer;
    const { natsUrl: servers, natsCaFile: ca, natsSeedFile: seed } = c;
    const nc = await connectNats({ servers, ca, seed, name: 'issuer', inbox, log, signal });
    onStop('the NATS connection', () => closeNats(nc));
    const dead = natsDeadLetters(nc.jetstream(), 'issuer', clock, log, countDeadLetters(metrics));
    const inventory = natsInventory(nc, clock, dead);
    const roots = [c.clearinghouseRootFile];
    const trust = openTrustStore({
      nc,
      inventory,
      roots,
      readKeys: () => readIssuingKeys(nc, c.deploymentSecretFile),
      clock,
      log,
      dead,
      signal,
    });
    onStop('trust', () => trust.ended);
    readiness.needs('nats', connectionProblem(watchConnection(nc, log)));
    readiness.needs('trust', trust.problem);
    readiness.needs('leader', inventory.wrong);
    const terminalServers = natsTerminalServers(nc, clock);
    const endpoints = createEndpoints();
    const counts = issuerMetrics(metrics, endpoints);
    const deps = { clock, log, dead, inventory, terminalServers, signer: trust, counts };
    const options = { most: c.batch, lanes: c.lanes, clock, log, signal };
    const consuming = trust.ready.then(() =>
      consumeRequests(nc, options, (batch) => handleBatch(deps, batch)),
    );
    onStop('the request queue', () => consuming);
    const description = 'Answers the license requests of terminal servers, and signs.';
    const callers = [inboxes.operator, inboxes.observer];
    answerDiscovery({ nc, name: 'issuer', version, description, callers, endpoints, log });
  },
});
