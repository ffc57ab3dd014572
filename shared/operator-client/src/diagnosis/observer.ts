// Reads everything that an operator may see and changes nothing. It reads transient problems several times.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { connectOperator, type OperatorClient } from '../client.ts';
import { openProfileLiveCounts } from '../live-counts.ts';
import { Problem } from '../problem.ts';
import { terminalServerEntry, type Profile } from '../profile.ts';
import { noReport, type ProgressReport } from '../progress.ts';
import { readPacks, readSettings, readTerminalServers } from '../queries.ts';
import { orNull, readStatus } from '../status.ts';
import { transientProblems, type Observation, type TransientProblem } from './observation.ts';

/** A standby leads 1.2 s after the leader's last heartbeat, and an issuer's pull ends after a second. */
const TRANSIENT_MS = 4_000;
const POLL_INTERVAL_MS = 300;
const MAX_TERMINAL_SERVERS = 1_000;

const connectOrNull = async (profile: Profile): Promise<OperatorClient | null> => {
  try {
    return await connectOperator(profile);
  } catch (error) {
    if (error instanceof Problem && error.code === 'UNREACHABLE') return null;
    throw error;
  }
};

/** The last status, and the problems that every status of the period showed. */
const readLastingStatus = async (operator: OperatorClient, redis: Redis, report: ProgressReport) => {
  const from = performance.now();
  let status = await readStatus(operator, redis);
  let lasting: readonly TransientProblem[] = transientProblems(status);
  while (lasting.length > 0 && performance.now() - from < TRANSIENT_MS) {
    report(Math.round(performance.now() - from), TRANSIENT_MS);
    await sleep(POLL_INTERVAL_MS);
    status = await readStatus(operator, redis);
    const current = transientProblems(status);
    lasting = lasting.filter((p) => current.includes(p));
  }
  return { ...status, lasting };
};

const readSystem = async (
  operator: OperatorClient,
  profile: Profile,
  terminalServerId: string | undefined,
  report: ProgressReport,
): Promise<Observation['system']> => {
  const redis = openProfileLiveCounts(profile);
  try {
    const status = await readLastingStatus(operator, redis, report);
    const id = terminalServerId === undefined ? {} : { terminalServerId };
    const [packs, settings, servers] = await Promise.all([
      orNull(readPacks(operator)),
      orNull(readSettings(operator)),
      orNull(readTerminalServers(operator, { limit: MAX_TERMINAL_SERVERS, ...id })),
    ]);
    return {
      ...status,
      packs: packs?.packs ?? null,
      settings: settings?.settings ?? null,
      terminalServers: servers && { known: servers.terminalServers, more: servers.more },
    };
  } finally {
    redis.disconnect();
  }
};

/** The terminal server's last report, or else the profile's entry. */
const selectedTerminalServer = (
  profile: Profile,
  id: string,
  system: Observation['system'],
): NonNullable<Observation['terminalServer']> => {
  const reported = system?.terminalServers?.known.find((t) => t.terminalServerId === id)?.standing;
  if (!reported) return { id, ...terminalServerEntry(profile, id) };
  return { id, version: reported.version, ...(reported.mode === null ? {} : { mode: reported.mode }) };
};

export const observe = async (
  profile: Profile,
  terminalServerId: string | undefined,
  report: ProgressReport = noReport,
): Promise<Observation> => {
  const operator = await connectOrNull(profile);
  try {
    const system = operator && (await readSystem(operator, profile, terminalServerId, report));
    const selected =
      terminalServerId === undefined
        ? {}
        : { terminalServer: selectedTerminalServer(profile, terminalServerId, system) };
    return { now: Date.now(), natsUrl: profile.natsUrl, ...selected, system };
  } finally {
    await operator?.close();
  }
};
