import { identities, inboxes } from '@calbus/contracts/identities';
import { countDeadLetters, natsDeadLetters } from '@calbus/runtime/dead-letters';
import { answerDiscovery } from '@calbus/runtime/discovery';
import { createEndpoints } from '@calbus/runtime/endpoints';
import { connectNats, closeNats, connectionProblem, watchConnection } from '@calbus/runtime/nats';
import { amqpEndpoint } from '@calbus/runtime/amqp';
import { runService } from '@calbus/runtime/service';
import { openSqlite } from '@calbus/runtime/sqlite';
import { version } from '@calbus/runtime/version';
import { linkProblem, openClearinghouseLink } from './adapters/clearinghouse-link.ts';
import { openSigner } from './adapters/license-server-key.ts';
import { sqliteBackupRows } from './adapters/backup-rows.ts';
import { countAnswers, liaisonMetrics } from './adapters/metrics.ts';
import { natsInventory } from './adapters/nats-inventory.ts';
import { natsKeyBucket } from './adapters/nats-key-bucket.ts';
import { schema } from './adapters/schema.ts';
import { startResponders } from './adapters/responders.ts';
import { sqliteStore } from './adapters/sqlite-store.ts';
import { config, databaseFile } from './config.ts';
import { handleAnswer } from './handlers/clearinghouse-answer.ts';
import { startJobs } from './handlers/jobs.ts';

const name = 'clearinghouse-liaison';

await runService({
  name,
  config,
  start: async (c, { clock, log, metrics, onStop, readiness, signal }) => {
    const { now } = clock;
    const db = openSqlite(databaseFile(c.dataDir), schema);
    onStop('the database', () => db.close());
    const signer = await openSigner(db, c.deploymentSecretFile, now());
    const store = sqliteStore(db, c.deploymentSecretFile);

    const { inbox } = identities[name];
    const { natsUrl: servers, natsCaFile: ca, natsSeedFile: seed } = c;
    const nc = await connectNats({ servers, ca, seed, name, inbox, log, signal });
    onStop('the NATS connection', () => closeNats(nc));
    const inventory = natsInventory(nc, clock, log);
    const bucket = natsKeyBucket(nc, clock);
    const dead = natsDeadLetters(nc.jetstream(), name, clock, log, countDeadLetters(metrics));
    readiness.needs('nats', connectionProblem(watchConnection(nc, log)));
    readiness.needs('inventory', inventory.wrong);

    const answering = { store, signer, root: c.clearinghouseRootFile, now };
    const link = await openClearinghouseLink({
      ...amqpEndpoint(c),
      log,
      clock,
      dead,
      handle: countAnswers(metrics, (bytes) => handleAnswer(answering, bytes)),
      onApplied: () => jobs.answerApplied(),
      onUp: () => jobs.linkUp(),
    });
    const jobs = startJobs({ store, signer, bucket, inventory, outlet: link, clock, log, signal });
    onStop('the jobs', () => jobs.ended);
    onStop('the link', () => link.close());
    readiness.shows('rabbitmq', linkProblem(link));
    liaisonMetrics(metrics, { store, outlet: link, clock });
    const endpoints = createEndpoints();
    const parts = { ...answering, inventory, link, rows: sqliteBackupRows(db), jobs };
    startResponders({ nc, clock, log, dead, endpoints }, parts);
    const description = 'The identity of this license server, and what it asks of the Clearinghouse.';
    const callers = [inboxes.operator, inboxes.observer];
    answerDiscovery({ nc, name, version, description, callers, endpoints, log });
    // A reader of the log may send a request when the log says that the service has started.
    await nc.flush();
  },
});
