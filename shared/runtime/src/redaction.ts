// What must not be read by others, taken out of what goes into the log: by the names under which it is known, and by what it looks like
// wherever it stands. Either alone would miss what the other finds.

const HIDDEN = '[redacted]';
const MAX_DEPTH = 6;
const MAX_ITEMS = 100;
const MAX_TEXT_LENGTH = 8_192;

const secretNames = new Set(
  [
    'seed',
    'password',
    'passphrase',
    'secret',
    'token',
    'authorization',
    'privateKey',
    'sealed',
    'jws',
    'license',
    'presented',
    'keyPack',
    'licenseCode',
    // Settings that name a file hold its content once they are read.
    'natsSeedFile',
    'natsLedgerSeedFile',
    'redisPasswordFile',
    'rabbitmqPasswordFile',
    'rabbitmqKeyFile',
    'deploymentSecretFile',
  ].map((name) => name.toLowerCase()),
);

const isSecret = (name: string): boolean => {
  const plain = name.toLowerCase().replaceAll(/[_-]/g, '');
  return secretNames.has(plain) || /(password|secret|seed|privatekey)$/.test(plain);
};

const looks: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE\sKEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE\sKEY-----|$)/g, HIDDEN],
  // The seed of an nkey.
  [/\bS[ACNOUX][A-Z2-7]{56}\b/g, HIDDEN],
  // A signed statement: a license, a key pack, a command.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, HIDDEN],
  // The user and password of an address.
  [/(\b[a-z][a-z0-9+.-]{1,15}:\/\/)[^\s]*@/gi, `$1${HIDDEN}@`],
];

/** A text without what looks like a secret. */
export const redactText = (text: string): string => {
  const short = text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
  return looks.reduce((t, [look, instead]) => t.replaceAll(look, instead), short);
};

const redactValue = (value: unknown, depth: number): unknown => {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return redactText(`${value.name}: ${value.message}`);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return '[…]';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redactValue(item, depth + 1));
  return redactFields(value, depth + 1);
};

const redactFields = (facts: object, depth: number): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [
      name,
      isSecret(name) && value !== undefined && value !== null ? HIDDEN : redactValue(value, depth),
    ]),
  );

/** The facts of a log line without what must not be read; also where they refer to themselves, or are many. */
export const redactFacts = (facts: object): Record<string, unknown> => redactFields(facts, 0);
