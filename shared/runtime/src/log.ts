// One logger for every service: JSON lines on standard output, with the service's name, and with what must not
// be read by others taken out. A line about a request names it: requestId, correlationId or commandId.

import { pino } from 'pino';
import { redactFacts } from './redact.ts';

export type Log = {
  readonly debug: (facts: object, text: string) => void;
  readonly info: (facts: object, text: string) => void;
  readonly warn: (facts: object, text: string) => void;
  readonly error: (facts: object, text: string) => void;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export const createLog = (service: string, level: LogLevel = 'info'): Log =>
  pino({
    name: service,
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: redactFacts },
  });

/** What of an error belongs into a log line: its name and message, never an object graph. */
export const errorFacts = (error: unknown): { error: string } => ({
  error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
});
