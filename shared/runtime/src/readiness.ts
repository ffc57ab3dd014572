// Whether a service can do its job now, and what it waits for. A service registers conditions, which are evaluated at each request.

import { errorFacts } from './log.ts';
import type { Metrics } from './metrics.ts';

export type ServiceState = 'starting' | 'running' | 'stopping';

/** What is wrong, in a sentence that says what to do; undefined while nothing is. */
export type ReadinessCheck = () => string | undefined;

export type ConditionStatus = {
  readonly holds: boolean;
  /** Whether the service is not ready without it. */
  readonly needed: boolean;
  readonly says?: string;
};

export type ReadinessReport = {
  readonly service: string;
  readonly version: string;
  readonly state: ServiceState;
  readonly ready: boolean;
  readonly conditions: Readonly<Record<string, ConditionStatus>>;
  readonly facts: Readonly<Record<string, unknown>>;
};

export type Readiness = {
  /** Without this the service cannot do its job. */
  readonly needs: (name: string, wrong: ReadinessCheck) => void;
  /** Worth a look, and no reason to take the service for not ready. */
  readonly shows: (name: string, wrong: ReadinessCheck) => void;
  /** Shown beside the conditions. */
  readonly fact: (name: string, look: () => unknown) => void;
  readonly enter: (state: ServiceState) => void;
  readonly look: () => ReadinessReport;
  /** The needed conditions that do not hold, each with what is wrong. */
  readonly waitsFor: () => Readonly<Record<string, string>>;
};

export const createReadiness = (service: string, version: string): Readiness => {
  const conditions = new Map<string, { readonly needed: boolean; readonly wrong: ReadinessCheck }>();
  const facts = new Map<string, () => unknown>();
  let state: ServiceState = 'starting';
  conditions.set('started', {
    needed: true,
    wrong: () =>
      ({
        starting: 'It is starting; what it waits for is in its log.',
        running: undefined,
        stopping: 'It is stopping.',
      })[state],
  });
  const standingOf = ({ needed, wrong }: { needed: boolean; wrong: ReadinessCheck }): ConditionStatus => {
    let says: string | undefined;
    try {
      says = wrong();
    } catch (error) {
      says = `This could not be looked at (${errorFacts(error).error}); see the log.`;
    }
    return says === undefined ? { holds: true, needed } : { holds: false, needed, says };
  };
  const look = (): ReadinessReport => {
    const standings = [...conditions].map(([name, c]) => [name, standingOf(c)] as const);
    const ready = standings.every(([, s]) => s.holds || !s.needed);
    return {
      service,
      version,
      state,
      ready,
      conditions: Object.fromEntries(standings),
      facts: Object.fromEntries([...facts].map(([name, of]) => [name, of()])),
    };
  };
  return {
    needs: (name, wrong) => void conditions.set(name, { needed: true, wrong }),
    shows: (name, wrong) => void conditions.set(name, { needed: false, wrong }),
    fact: (name, of) => void facts.set(name, of),
    enter: (next) => (state = next),
    look,
    waitsFor: () =>
      Object.fromEntries(
        Object.entries(look().conditions).flatMap(([name, s]) =>
          s.needed && s.says !== undefined ? [[name, s.says]] : [],
        ),
      ),
  };
};

/** The same, for Prometheus. */
export const exposeReadiness = (readiness: Readiness, metrics: Metrics): void => {
  metrics.value('calbus_ready', 'Whether the service can do its job now: 1, or 0.', () =>
    readiness.look().ready ? 1 : 0,
  );
  metrics.values(
    'calbus_condition',
    'Each condition that /readyz shows: 1 where it holds.',
    ['condition'],
    () =>
      Object.entries(readiness.look().conditions).map(([condition, s]) => [{ condition }, s.holds ? 1 : 0]),
  );
  metrics.values('calbus_service_info', 'Always 1; the labels say what runs.', ['service', 'version'], () => {
    const { service, version } = readiness.look();
    return [[{ service, version }, 1]];
  });
};
