// `npm start`: starts servers, then services, then does the main job in front of the user. start.mjs runs it.
import { binaryNames, ensureServers } from './binaries.ts';
import { closingLines } from './closing-lines.ts';
import { prepareDeployment } from './deployment.ts';
import { startGateway } from './gateway.ts';
import { runStartup } from './startup.ts';
import { openLifetime } from './lifetime.ts';
import { readOptions } from './options.ts';
import { takeRunDirectory } from './run-directory.ts';
import { startServers } from './start-servers.ts';

const say = (line: string): void => console.log(line);
const lifetime = openLifetime(say);
try {
  const options = readOptions(process.argv.slice(2));
  const directory = takeRunDirectory(options.dataDir);
  lifetime.onEnd('the run directory', directory.release);
  const leftovers = await directory.stopLeftovers();
  if (leftovers.length > 0) say(`Stopped processes of an earlier run: ${leftovers.join(', ')}.`);
  await ensureServers(binaryNames, say);
  say('Starting NATS, Redis and RabbitMQ …');
  const deployment = prepareDeployment(options.dataDir, {
    ts1: { mode: 'per-device', version: '2003' },
    ts2: { mode: 'per-user', version: '2003' },
  });
  const servers = await startServers(
    options.dataDir,
    deployment.configuration,
    directory,
    lifetime,
    (sentence) => {
      say(sentence);
      process.exitCode = 1;
      void lifetime.end();
    },
  );
  const work = async (): Promise<void> => {
    await runStartup({ deployment, servers, directory, lifetime, awaitRestore: options.awaitRestore, say });
    if (options.rdp !== undefined && !lifetime.signal.aborted)
      await startGateway(options.rdp, { deployment, servers, directory, lifetime, say });
  };
  // Ctrl-C ends it at once; the next start does the remaining steps.
  await Promise.race([work(), lifetime.ending]);
  if (!options.once && !lifetime.signal.aborted) {
    say('');
    for (const line of closingLines(options.dataDir)) say(line);
    await lifetime.ending;
  }
} catch (error) {
  // A requested shutdown is not a failure, at any step.
  if (!lifetime.signal.aborted) {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
await lifetime.end();
say('Stopped.');
process.exit();
