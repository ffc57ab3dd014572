// Looking at everything an operator may see, without changing anything. What passes by itself is looked at again.

import { setTimeout as sleep } from 'node:timers/promises';
import {
  inventoryPacks,
  inventoryCurrentSettings,
  queryPacks,
  querySettings,
} from '@calbus/contracts/inventory-query-messages';
import { subjects } from '@calbus/contracts/subjects';
import { openLiveCounts } from '../live-counts.ts';
import { connectOperator, type OperatorClient } from '../client.ts';
import { Problem } from '../problem.ts';
import { readSecret, redisAuthority, terminalServerEntry, type Profile } from '../profile.ts';
import { progressOf } from '@calbus/cli/progress';
import { attempt, readStatus } from '@calbus/cli/commands/status';
import { askTerminalServers } from '@calbus/cli/commands/terminal-servers';
import { transientProblems, type Observation, type TransientProblem } from './observation.ts';

/** A standby leads 1.2 s after the last sign of life, and an issuer's pull ends after a second. */
const LASTING_MS = 4_000;
const BETWEEN_MS = 300;

const connected = async (profile: Profile): Promise<OperatorClient | null> => {
  try {
    return await connectOperator(profile);
  } catch (error) {
    if (error instanceof Problem && error.code === 'UNREACHABLE') return null;
    throw error;
  }
};

const look = async (
  operator: OperatorClient,
  profile: Profile,
  terminalServerId: string | undefined,
): Promise<Observation['system']> => {
  const password = readSecret(profile.redisPasswordFile);
  const redis = openLiveCounts(profile.redisUrl, profile.redisUser, password, redisAuthority(profile));
  const progress = progressOf('Looking');
  try {
    const from = performance.now();
    let status = await readStatus(operator, redis);
    let lasting: readonly TransientProblem[] = transientProblems(status);
    while (lasting.length > 0 && performance.now() - from < LASTING_MS) {
      progress.show(Math.round(performance.now() - from), LASTING_MS);
      await sleep(BETWEEN_MS);
      status = await readStatus(operator, redis);
      const still = transientProblems(status);
      lasting = lasting.filter((p) => still.includes(p));
    }
    const query = (name: string): string => subjects.inventory.query('operator', name);
    const packs = await attempt(operator.ask(query('packs'), queryPacks, {}, inventoryPacks));
    const settings = await attempt(
      operator.ask(query('settings'), querySettings, {}, inventoryCurrentSettings),
    );
    const filter = { limit: 1_000, ...(terminalServerId === undefined ? {} : { terminalServerId }) };
    const servers = await attempt(askTerminalServers(operator, filter));
    return {
      ...status,
      lasting,
      packs: packs?.packs ?? null,
      settings: settings?.settings ?? null,
      terminalServers: servers && { known: servers.terminalServers, more: servers.more },
    };
  } finally {
    progress.end();
    redis.disconnect();
  }
};

/** As it last said that it stands; before it has, as the profile has it. */
const askedAbout = (
  profile: Profile,
  id: string,
  seen: Observation['system'],
): NonNullable<Observation['terminalServer']> => {
  const told = seen?.terminalServers?.known.find((t) => t.terminalServerId === id)?.standing;
  if (!told) return { id, ...terminalServerEntry(profile, id) };
  return { id, version: told.version, ...(told.mode === null ? {} : { mode: told.mode }) };
};

export const observe = async (
  profile: Profile,
  terminalServerId: string | undefined,
): Promise<Observation> => {
  const operator = await connected(profile);
  try {
    const seen = operator && (await look(operator, profile, terminalServerId));
    const terminalServer =
      terminalServerId === undefined ? undefined : askedAbout(profile, terminalServerId, seen);
    const about = terminalServer ? { terminalServer } : {};
    return { now: Date.now(), natsUrl: profile.natsUrl, ...about, system: seen };
  } finally {
    await operator?.close();
  }
};
