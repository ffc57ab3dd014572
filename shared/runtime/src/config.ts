// Configuration: CALBUS_* variables, checked as a whole before anything connects. A field `natsUrl` of the
// schema is the variable CALBUS_NATS_URL. Unknown CALBUS_* variables are refused: a misspelt setting that
// is silently ignored is worse than a service that does not start.

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { natsTlsProblem } from './nats-tls.ts';

export const variableOf = (field: string): string =>
  `CALBUS_${field.replaceAll(/([A-Z])/g, '_$1').toUpperCase()}`;

export type ConfigResult<T> =
  { readonly ok: true; readonly config: T } | { readonly ok: false; readonly problems: readonly string[] };

/** Reads the configuration of one service from `env`. Problems are sentences that name the variable. */
export const readConfig = <S extends z.ZodObject>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): ConfigResult<z.infer<S>> => {
  const fields = Object.keys(schema.shape);
  const byVariable = new Map(fields.map((f) => [variableOf(f), f]));
  const inFile = (variable: string): string =>
    byVariable.has(`${variable}_FILE`)
      ? `: put it into a file that others cannot read, and name that in ${variable}_FILE`
      : '';
  const problems: string[] = [];
  const given: Record<string, string> = {};
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('CALBUS_') || value === undefined) continue;
    const field = byVariable.get(variable);
    if (field === undefined)
      problems.push(`${variable} is not a setting of this service${inFile(variable)}.`);
    else given[field] = value;
  }
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const variable = variableOf(String(issue.path[0] ?? ''));
      const missing = given[String(issue.path[0] ?? '')] === undefined;
      problems.push(missing ? `${variable} is not set.` : `${variable}: ${issue.message}.`);
    }
  }
  return problems.length > 0 || !parsed.success ? { ok: false, problems } : { ok: true, config: parsed.data };
};

/** A comma-separated list of at least one entry. */
export const listOf = (item: z.ZodType<string, string>) =>
  z
    .string()
    .transform((s) => s.split(',').map((part) => part.trim()))
    .pipe(z.array(item).min(1));

export const natsUrls = listOf(
  z
    .string()
    .regex(
      /^(nats|tls):\/\/[^\s,@]+$/,
      'must be nats://host:port, or tls://host:port over TLS, without user and password',
    ),
);

/**
 * Checks a whole configuration: an authority needs an address with TLS. Otherwise one of the two is a mistake, and no error would show
 * it.
 */
export const checkTlsConsistency = (
  config: Readonly<Record<string, unknown>>,
  ctx: z.RefinementCtx,
): void => {
  const { natsUrl, natsCaFile, redisUrl, redisCaFile, rabbitmqUrl, rabbitmqCaFile } = config;
  const refuse = (field: string, message: string): void =>
    ctx.addIssue({ code: 'custom', path: [field], message });
  const problem = natsTlsProblem(
    Array.isArray(natsUrl) ? natsUrl.map(String) : [],
    typeof natsCaFile === 'string' ? natsCaFile : undefined,
    'CALBUS_NATS_CA_FILE',
  );
  if (problem !== undefined) refuse('natsUrl', problem);
  for (const [url, ca, field, scheme] of [
    [redisUrl, redisCaFile, 'redisUrl', 'rediss://'],
    [rabbitmqUrl, rabbitmqCaFile, 'rabbitmqUrl', 'amqps://'],
  ] as const)
    if (ca !== undefined && !String(url).startsWith(scheme))
      refuse(field, `must begin with ${scheme} where an authority for TLS is given`);
};

/** What is no path may be the secret itself, and problems end up in logs. */
const unreadable = (path: string, error: unknown): string => {
  const code = (error as NodeJS.ErrnoException).code ?? 'error';
  return /^\.{0,2}\/[^\n]*$/.test(path)
    ? `cannot read ${path} (${code})`
    : `there is no file of that name (${code}), and it is not shown, since it could be the secret itself: a file is to be named here, by its whole path`;
};

/** The content of a file that holds one secret or certificate. */
export const fileContent = z.string().transform((path, ctx) => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    ctx.addIssue({ code: 'custom', message: unreadable(path, error) });
    return z.NEVER;
  }
});

/** The content of a file with one or more certificates in PEM. */
export const certificateFile = fileContent.pipe(
  z.string().includes('-----BEGIN CERTIFICATE-----', { error: 'must hold a certificate in PEM' }),
);

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A length of time such as 90d or -10m, in milliseconds. */
export const duration = z.string().transform((text, ctx) => {
  const match = /^([+-]?[0-9]{1,9})(ms|s|m|h|d)$/.exec(text);
  if (match) return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
  ctx.addIssue({ code: 'custom', message: 'must be a number and ms, s, m, h or d, such as 90d' });
  return z.NEVER;
});

/** What every service is told. A description is a sentence of docs/configuration.md and of `--help`. */
export const serviceConfig = {
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Lowest level of the lines in the log.'),
  httpPort: z
    .string()
    .refine((text) => /^[0-9]{1,5}$/.test(text) && Number(text) < 65_536, 'must be a port, 0 to 65535')
    .transform(Number)
    .optional()
    .describe(
      'Port for `/healthz`, `/readyz` and `/metrics`; 0 takes a free one and logs it. Without it the service serves no pages.',
    ),
  httpHost: z
    .string()
    .min(1)
    .max(255)
    .default('127.0.0.1')
    .describe('Address of that port. A client that reaches it can read counts, and nothing else.'),
  clockOffset: duration
    .prefault('0ms')
    .describe(
      "Offset of the service's wall clock, such as `90d` or `-10m`: only for trials, never in production.",
    ),
} as const;

export const natsCaFile = certificateFile
  .optional()
  .describe(
    'Over tls: file with the authorities that may have certified NATS, in PEM. Without it, the authorities that Node knows.',
  );

/** What every service that speaks NATS is told. */
export const commonConfig = {
  ...serviceConfig,
  natsUrl: natsUrls.describe('`nats://host:port` or `tls://host:port`; several, separated by commas.'),
  natsCaFile,
  natsSeedFile: fileContent.describe("File with the nkey seed that is this service's identity."),
} as const;
