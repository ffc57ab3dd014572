// Terminal servers that ask all the time, each with the library of one release. A rejected call is recorded with the stage at which
// it was made.

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@calbus/test-support/eventually';
import type { LibraryClient, LibraryOptions, LicenseAnswer, Question, Release } from './release.ts';

const PAUSE_MS = 40;
const WORKERS = 2;
/** How many calls of each terminal server must succeed before a stage counts as tried. */
const CALLS_PER_STAGE = 8;
const STAGE_TIMEOUT_MS = 20_000;

export type Failure = {
  readonly stage: string;
  readonly terminalServerId: string;
  readonly says: string;
  readonly ms: number;
};

export type License = { readonly licenseId: string; readonly licenseKind: 'temporary' | 'full' };

export type Load = {
  readonly failures: readonly Failure[];
  /** The last license of each device. */
  readonly licenses: ReadonlyMap<string, License>;
  /** Users who were granted access. */
  readonly users: ReadonlySet<string>;
  readonly answers: () => number;
  readonly longestMs: () => number;
  /** Resolves once enough calls made from now on have succeeded; rejects at the first failure. */
  readonly settled: () => Promise<void>;
  /** Calls under way end first, then the library of `release` takes over with the same store. */
  readonly switchTo: (release: Release) => Promise<void>;
  readonly stop: () => Promise<void>;
};

const hardwareIdOf = (name: string): string =>
  `00000104${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;

type Licensed = LicenseAnswer & { readonly outcome: { readonly kind: 'license' } & License };
const isLicense = (a: LicenseAnswer): a is Licensed => a.outcome.kind === 'license';

/** `stage` says what the test is doing, for its report. */
export const startLoad = async (
  release: Release,
  options: LibraryOptions,
  stage: () => string,
): Promise<Load> => {
  const { terminalServerId, mode } = options;
  const failures: Failure[] = [];
  const licenses = new Map<string, License>();
  const users = new Set<string>();
  let client = await release.connectLibrary(options);
  let answers = 0;
  let longest = 0;
  let devices = 0;
  let workers: Promise<void>[] = [];
  let running = true;

  const call = async (
    act: (c: LibraryClient) => Promise<LicenseAnswer>,
  ): Promise<LicenseAnswer | undefined> => {
    const [begun, at] = [performance.now(), stage()];
    try {
      const answer = await act(client);
      answers += 1;
      return answer;
    } catch (error) {
      const says = error instanceof Error ? error.message : String(error);
      failures.push({ stage: at, terminalServerId, says, ms: Math.round(performance.now() - begun) });
      return undefined;
    } finally {
      longest = Math.max(longest, performance.now() - begun);
    }
  };
  const ask = async (name: string, question: Question): Promise<License | undefined> => {
    const answer = await call((c) => c.request(question));
    if (!answer) return undefined;
    if (answer.outcome.kind === 'per-user') users.add(name);
    else if (!isLicense(answer))
      failures.push({ stage: stage(), terminalServerId, says: JSON.stringify(answer), ms: 0 });
    if (!isLicense(answer)) return undefined;
    const { licenseId, licenseKind } = answer.outcome;
    licenses.set(name, { licenseId, licenseKind });
    return { licenseId, licenseKind };
  };
  /** A device connects, its user logs on, and it connects again. */
  const perDevice = async (name: string): Promise<void> => {
    const hardwareId = hardwareIdOf(name);
    const device = { hardwareId, name };
    const first = await ask(name, { device });
    if (!first) return;
    await call((c) => c.validated(first.licenseId, hardwareId));
    await ask(name, { device });
  };
  const perUser = async (name: string): Promise<void> => {
    const user = { name, domain: 'EXAMPLE', authenticatedBy: 'pam' };
    await ask(name, { device: { hardwareId: hardwareIdOf(name), name: 'desk' }, user });
  };
  const work = async (): Promise<void> => {
    while (running) {
      // Every fourth client was there before.
      const known = devices % 4 === 3 ? devices - 3 : devices;
      devices += 1;
      await (mode === 'per-user' ? perUser : perDevice)(`${terminalServerId}-${known}`);
      await sleep(PAUSE_MS);
    }
  };
  const begin = (): void => {
    running = true;
    workers = Array.from({ length: WORKERS }, work);
  };
  const pause = async (): Promise<void> => {
    running = false;
    await Promise.all(workers);
  };

  begin();
  return {
    failures,
    licenses,
    users,
    answers: () => answers,
    longestMs: () => Math.round(longest),
    settled: async () => {
      const enough = answers + CALLS_PER_STAGE;
      await eventually(`${terminalServerId} is served`, () => failures.length > 0 || answers >= enough, {
        withinMs: STAGE_TIMEOUT_MS,
      });
      const [first] = failures;
      if (first) throw new Error(`A call of the library failed: ${JSON.stringify(first)}`);
    },
    switchTo: async (next) => {
      await pause();
      await client.close();
      client = await next.connectLibrary(options);
      begin();
    },
    stop: async () => {
      await pause();
      await client.close();
    },
  };
};
