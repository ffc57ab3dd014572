import type { LauncherOptions } from './options.ts';
import type { Servers } from './start-servers.ts';

/** What the launcher does once the servers answer. */
export async function run(servers: Servers, _options: LauncherOptions): Promise<void> {
  for (const { name, url, logFile } of Object.values(servers))
    console.log(`${name.padEnd(9)} ${url}  (log: ${logFile})`);
  await Promise.resolve();
}
