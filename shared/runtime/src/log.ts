// One logger for every service: JSON lines on standard output, with the service's name, and with what must not
// be read by others taken out. A line about a request names it: requestId, correlationId or commandId.

import { pino } from 'pino';
import { redactFacts } from './redaction.ts';

export type Log = {
  readonly debug: (facts: object, text: string) => void;
  readonly info: (facts: object, text: string) => void;
  readonly warn: (facts: object, text: string) => void;
  readonly error: (facts: object, text: string) => void;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

const STANDARD_OUTPUT = 1;
/** The most bytes of lines that wait to be written: a slow reader must not fill the memory of a service. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

export const createLog = (service: string, level: LogLevel = 'info'): Log => {
  // By its number: asked for process.stdout, Node makes it non-blocking, and each time that it is full 100 ms pass before the next try.
  const output = pino.destination({ dest: STANDARD_OUTPUT, sync: false, maxLength: MAX_BUFFERED_BYTES });
  const log = pino(
    {
      name: service,
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redactFacts },
    },
    output,
  );
  let dropped = 0;
  output.on('drop', () => {
    dropped += 1;
  });
  output.on('drain', () => {
    if (dropped === 0) return;
    const lines = dropped;
    dropped = 0;
    log.warn({ lines }, 'lines of the log were dropped: they came faster than standard output is read');
  });
  return log;
};

/** What of an error belongs into a log line: its name and message, never an object graph. */
export const errorFacts = (error: unknown): { error: string } => ({
  error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
});
