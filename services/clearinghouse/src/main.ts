import { amqpEndpoint } from '@calbus/runtime/amqp';
import { runService } from '@calbus/runtime/service';
import { openSqlite } from '@calbus/runtime/sqlite';
import { cryptoRandom as random } from './adapters/crypto-random.ts';
import { openCommandsLink } from './adapters/commands-link.ts';
import { openSigner } from './adapters/key-material.ts';
import { countCommands } from './adapters/metrics.ts';
import { schema } from './adapters/schema.ts';
import { hasCodes, sqliteStore } from './adapters/store.ts';
import { config, registerFile } from './config.ts';
import { handleCommand } from './handlers/command-handler.ts';

await runService({
  name: 'clearinghouse',
  config,
  start: async (c, { clock, log, metrics, onStop, readiness }) => {
    const db = openSqlite(registerFile(c.dataDir), schema);
    onStop('the register', () => db.close());
    const signer = await openSigner(c.dataDir, c.vendor, hasCodes(db), clock.now());
    const deps = { store: sqliteStore(db), signer, random, now: clock.now };
    const amqp = await openCommandsLink({
      ...amqpEndpoint(c),
      log,
      clock,
      handle: countCommands(metrics, clock, (delivery) => handleCommand(deps, delivery)),
    });
    onStop('the link', () => amqp.close());
    readiness.needs('rabbitmq', () =>
      amqp.isUp() ? undefined : 'RabbitMQ is not connected: start it, or check CALBUS_RABBITMQ_URL.',
    );
    const look = db.prepare('SELECT count(*) FROM sqlite_schema');
    readiness.needs('register', () => {
      look.get();
      return undefined;
    });
    metrics.value('calbus_link_up', '1 if RabbitMQ is connected and commands are received, else 0.', () =>
      amqp.isUp() ? 1 : 0,
    );
  },
});
