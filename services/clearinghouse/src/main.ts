import { amqpPlace } from '@calbus/runtime/amqp';
import { runService } from '@calbus/runtime/service';
import { openSqlite } from '@calbus/runtime/sqlite';
import { cryptoChance as chance } from './adapters/chance.ts';
import { openCommandsLink } from './adapters/commands-link.ts';
import { openSeal } from './adapters/key-material.ts';
import { schema } from './adapters/schema.ts';
import { hasCodes, sqliteStore } from './adapters/store.ts';
import { config, registerFile } from './config.ts';
import { handleCommand } from './handlers/command.ts';

await runService({
  name: 'clearinghouse',
  config,
  start: async (c, { clock, log, onStop }) => {
    const db = openSqlite(registerFile(c.dataDir), schema);
    onStop('the register', () => db.close());
    const seal = await openSeal(c.dataDir, c.vendor, hasCodes(db), clock.now());
    const deps = { store: sqliteStore(db), seal, chance, now: clock.now };
    const amqp = await openCommandsLink({
      ...amqpPlace(c),
      log,
      clock,
      handle: (delivery) => handleCommand(deps, delivery),
    });
    onStop('the link', () => amqp.close());
  },
});
