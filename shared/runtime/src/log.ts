// One logger for every service: JSON lines on standard output, with the service's name, and with what must not
// be read by others taken out by name.

import { pino } from 'pino';

export type Log = {
  readonly debug: (facts: object, text: string) => void;
  readonly info: (facts: object, text: string) => void;
  readonly warn: (facts: object, text: string) => void;
  readonly error: (facts: object, text: string) => void;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

const secret = [
  'seed',
  'password',
  'secret',
  'privateKey',
  'sealed',
  'license',
  'presented',
  'keyPack',
  'licenseCode',
];

export const createLog = (service: string, level: LogLevel = 'info'): Log =>
  pino({
    name: service,
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: secret.flatMap((k) => [k, `*.${k}`, `*.*.${k}`]), censor: '[redacted]' },
    formatters: { level: (label) => ({ level: label }) },
  });

/** What of an error belongs into a log line: its name and message, never an object graph. */
export const errorFacts = (error: unknown): { error: string } => ({
  error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
});
