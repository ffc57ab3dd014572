import { identities } from '@calbus/contracts/identities';
import { natsDeadLetters } from '@calbus/runtime/dead-letters';
import { connectNats } from '@calbus/runtime/nats';
import { runService } from '@calbus/runtime/service';
import { natsInventory } from './adapters/inventory.ts';
import { consumeRequests } from './adapters/queue.ts';
import { natsTerminalServers } from './adapters/terminal-servers.ts';
import { keepTrust } from './adapters/trust.ts';
import { config } from './config.ts';
import { handleBatch } from './handlers/requests.ts';

await runService({
  name: 'issuer',
  config,
  start: async (c, { clock, log, onStop, signal }) => {
    const { inbox } = identities.issuer;
    const { natsUrl: servers, natsCaFile: ca, natsSeedFile: seed } = c;
    const nc = await connectNats({ servers, ca, seed, name: 'issuer', inbox, log, signal });
    onStop('the NATS connection', () => nc.drain());
    const dead = natsDeadLetters(nc.jetstream(), 'issuer', clock, log);
    const inventory = natsInventory(nc, clock, dead);
    const roots = [c.clearinghouseRootFile];
    const trust = keepTrust({
      nc,
      inventory,
      roots,
      secret: c.deploymentSecretFile,
      clock,
      log,
      dead,
      signal,
    });
    onStop('trust', () => trust.ended);
    const terminalServers = natsTerminalServers(nc, clock);
    const deps = { clock, log, dead, inventory, terminalServers, signer: trust };
    const options = { most: c.batch, lanes: c.lanes, clock, log, signal };
    const consuming = trust.known.then(() =>
      consumeRequests(nc, options, (batch) => handleBatch(deps, batch)),
    );
    onStop('the request queue', () => consuming);
  },
});
