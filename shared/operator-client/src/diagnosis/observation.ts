// The input of the diagnosis as plain data, and the verdicts that follow from it. Pure: the time is in the observation.

import type { Body } from '@calbus/contracts/envelope';
import type { InstalledPack, KnownTerminalServer } from '@calbus/contracts/inventory-query-messages';
import type { inventoryStatus, PoolCounts } from '@calbus/contracts/inventory-status-messages';
import type { liaisonStatus } from '@calbus/contracts/liaison-messages';
import type { Settings } from '@calbus/contracts/settings';
import type { LicensingMode } from '@calbus/contracts/tokens';
import { serves, type ProductVersion } from '@calbus/contracts/versions';
import { modeName } from '../text.ts';

export type Replica = Body<typeof inventoryStatus>;

/** A problem that ends by itself within seconds, as at a change of the leader. Only one that lasts is a finding. */
export type TransientProblem = 'no-leader' | 'no-issuer' | 'cache-behind';

/** The parts of the status that the diagnosis uses. A part that does not answer is null. */
export type SystemState = {
  readonly nats: { readonly version: string };
  readonly replicas: readonly Replica[];
  readonly liaison: Body<typeof liaisonStatus> | null;
  /** Waiting requests, requests in hand at issuers, and open pulls of issuers. */
  readonly queue: { readonly waiting: number; readonly inHand: number; readonly pulls: number } | null;
  readonly deadLetters: number | null;
  readonly liveCounts: { readonly generation: string; readonly sequence: number } | null;
  readonly redis: 'answers' | 'unreachable';
};

export type Observation = {
  readonly now: number;
  readonly natsUrl: string;
  /** The terminal server that the operator selected. */
  readonly terminalServer?: {
    readonly id: string;
    readonly mode?: LicensingMode | undefined;
    readonly version: ProductVersion;
  };
  /** Null where NATS does not answer. */
  readonly system:
    | (SystemState & {
        /** Problems that every reading showed, for seconds. */
        readonly lasting: readonly TransientProblem[];
        readonly packs: readonly InstalledPack[] | null;
        readonly settings: Settings | null;
        /** The known ones, or the selected one. `more`: there are others, which were not read. */
        readonly terminalServers: {
          readonly known: readonly KnownTerminalServer[];
          readonly more: boolean;
        } | null;
      })
    | null;
};

export const leaderOf = (look: Pick<SystemState, 'replicas'>): Replica | undefined =>
  look.replicas.find((r) => r.role === 'leader');

export const transientProblems = (look: SystemState): TransientProblem[] => {
  const found: TransientProblem[] = [];
  const leader = leaderOf(look);
  if (look.replicas.length > 0 && !leader && !look.replicas.some((r) => r.loss)) found.push('no-leader');
  const { queue, liveCounts: live } = look;
  if (queue && queue.inHand === 0 && (queue.waiting > 0 || queue.pulls === 0)) found.push('no-issuer');
  const { position } = leader ?? {};
  const current = live && live.generation === position?.generation && live.sequence >= position.sequence;
  if (position && look.redis === 'answers' && !current) found.push('cache-behind');
  return found;
};

export type StockVerdict =
  | 'enough'
  /** All CALs of its own version are taken; CALs of a later version serve. */
  | 'later-taken'
  | 'nothing-installed'
  | 'wrong-mode'
  | 'upgrade-prevented'
  | 'none-free';

type Demand = { readonly about: string; readonly version: ProductVersion; readonly mode: LicensingMode };

const free = (packs: readonly InstalledPack[]): number =>
  packs.reduce((n, p) => n + Math.max(0, p.available ?? 0), 0);

/** The outcome for a new device at a terminal server of this version and mode, by the rules V1, V3 and V4. */
const verdictFor = (
  w: Demand,
  packs: readonly InstalledPack[],
  pools: readonly PoolCounts[],
  { preventLicenseUpgrade: preventUpgrade, perUser, overdraft }: Settings,
): StockVerdict => {
  const serving = packs.filter((p) => serves(p.version, w.version));
  const ofMode = serving.filter((p) => p.mode === w.mode);
  if (ofMode.length === 0) return serving.length > 0 ? 'wrong-mode' : 'nothing-installed';
  if (w.mode === 'per-user') {
    const counts = (version: ProductVersion): boolean =>
      preventUpgrade ? version === w.version : serves(version, w.version);
    if (!ofMode.some((p) => counts(p.version))) return 'upgrade-prevented';
    if (perUser !== 'enforced') return 'enough';
    const left = pools
      .filter((p) => p.mode === 'per-user' && counts(p.version))
      .reduce((n, p) => n + p.available, overdraft);
    return left > 0 ? 'enough' : 'none-free';
  }
  const own = ofMode.filter((p) => p.version === w.version);
  if (free(own) > 0) return 'enough';
  if (free(ofMode) === 0) return 'none-free';
  if (preventUpgrade) return 'upgrade-prevented';
  return own.length > 0 ? 'later-taken' : 'enough';
};

/** The selected terminal server, or one of each version for which CALs are installed. */
const demands = (o: Observation, packs: readonly InstalledPack[]): Demand[] => {
  const { terminalServer: ts } = o;
  if (ts) {
    const { id, mode, version } = ts;
    return mode ? [{ about: `terminal server ${id} (${version}, ${modeName(mode)})`, version, mode }] : [];
  }
  const versions = new Set(packs.filter((p) => p.mode === 'per-device').map((p) => p.version));
  return [...versions]
    .toSorted()
    .map((version) => ({ about: `${version} Per Device`, version, mode: 'per-device' }));
};

const poolsOf = ({ system }: Observation): readonly PoolCounts[] => (system && leaderOf(system)?.pools) ?? [];

/** The demands with this verdict, as text. */
export const withStockVerdict = (o: Observation, verdict: StockVerdict): string[] => {
  const { packs, settings } = o.system ?? {};
  if (!packs || !settings) return [];
  const pools = poolsOf(o);
  if (packs.length === 0 && !o.terminalServer)
    return verdict === 'nothing-installed' ? ['the license server'] : [];
  return demands(o, packs)
    .filter((w) => verdictFor(w, packs, pools, settings) === verdict)
    .map((w) => w.about);
};

/** Per Device pools with free CALs, at most `lowStockPercent` of those installed. */
export const lowPools = (o: Observation): string[] => {
  const { settings } = o.system ?? {};
  const pools = o.system && leaderOf(o.system)?.pools;
  if (!settings || !pools) return [];
  return pools
    .filter((p) => p.mode === 'per-device' && p.available > 0)
    .filter((p) => p.available * 100 <= p.installed * settings.lowStockPercent)
    .map((p) => `${p.version} Per Device, ${p.available} of ${p.installed} left`);
};
