// What a service answers on NATS, subject by subject, and how often: what tools for NATS show of a service.

export type EndpointStatistics = {
  readonly name: string;
  readonly subject: string;
  readonly queue: string;
  readonly requests: number;
  readonly errors: number;
  readonly lastError: string | undefined;
  /** Milliseconds spent on all of them. */
  readonly spent: number;
};

export type EndpointRecorder = {
  /** One request is done with, after so many milliseconds; `error`: the code of the fault that it came to. */
  readonly done: (ms: number, error?: string) => void;
  readonly close: () => void;
};

export type Endpoints = {
  readonly open: (subject: string, queue?: string) => EndpointRecorder;
  readonly list: () => readonly EndpointStatistics[];
};

/** A subject as one token: `cal.v1.inventory.query.operator.status` is `inventory-query-operator-status`. */
const nameOf = (subject: string): string =>
  subject
    .split('.')
    .filter((t) => t !== 'cal' && t !== 'v1' && t !== '*' && t !== '>')
    .join('-');

export const createEndpoints = (): Endpoints => {
  const opened = new Set<{ -readonly [K in keyof EndpointStatistics]: EndpointStatistics[K] }>();
  return {
    open: (subject, queue = '') => {
      const one = {
        name: nameOf(subject),
        subject,
        queue,
        requests: 0,
        errors: 0,
        lastError: undefined as string | undefined,
        spent: 0,
      };
      opened.add(one);
      return {
        done: (ms, error) => {
          one.requests += 1;
          one.spent += ms;
          if (error === undefined) return;
          one.errors += 1;
          one.lastError = error;
        },
        close: () => void opened.delete(one),
      };
    },
    list: () => [...opened],
  };
};
