// The words that the house does not use, each with the word that it uses. CONTRIBUTING.md says why.

export type Word = { readonly pattern: RegExp; readonly say: string };

/** In sentences: comments, messages to people, pages. */
export const phrases: readonly Word[] = [
  { pattern: /\bwhoever\b/i, say: 'name the actor: "a caller that", "the operator who"' },
  { pattern: /\bnobody\b/i, say: 'name the actor: "no terminal server", "no process"' },
  { pattern: /\bsomebody\b/i, say: 'name the actor: "another process", "an operator"' },
  { pattern: /\banew\b/i, say: '"again"' },
  { pattern: /\bof whom\b/i, say: 'a sentence of its own' },
  { pattern: /\bwhat came\b/i, say: '"the message", "the bytes received"' },
  { pattern: /(?<!there )\b(?:is|are) none\b(?! of)/i, say: '"is not a …"' },
  { pattern: /\bwant of\b/i, say: '"lack of"' },
  { pattern: /\b(?:for|of) so (?:many|long)\b/i, say: 'the number or the duration' },
  { pattern: /\ball the same\b/i, say: '"still"' },
  { pattern: /\bhow (?:it|they|he) stands?\b/i, say: '"its state"' },
  { pattern: /\bhears? (?:of|what|that|the)\b/i, say: '"receives"' },
];

/** In names: files, types, functions, constants. */
export const names: readonly Word[] = [
  { pattern: /\bMOST_[A-Z]/, say: 'MAX_…' },
  { pattern: /\bAGAIN_MS\b/, say: 'RETRY_DELAY_MS' },
  { pattern: /\bLOOK_MS\b/, say: 'POLL_INTERVAL_MS' },
  { pattern: /\bSILENT_MS\b/, say: 'IDLE_TIMEOUT_MS' },
  { pattern: /\bWAITS?_MS\b/, say: '…_TIMEOUT_MS' },
  { pattern: /\bEVERY_MS\b/, say: '…_INTERVAL_MS' },
  {
    pattern:
      /\b(?:createAsking|createTelling|createTrusting|createAdmitting|Asking|Telling|Trusting|Admitting)\b/,
    say: 'request client, report queue, license verifier, admission',
  },
  { pattern: /\b(?:createTogether|verifyTogether|signTogether)\b/, say: 'batch, batch signature' },
  {
    pattern: /\b(?:hearHead|hasTheWord|headBook|HeadBook)\b/,
    say: 'leader heartbeat, supersedes, leader tracker',
  },
  { pattern: /\b(?:strangers|understand|Understood)\b/, say: 'unknown keys, parse request, parsed request' },
  { pattern: /\btakePoint\b|\bStill\b/, say: 'checkpoint, frozen view' },
  { pattern: /\b(?:Dice|Chance|Randomness|cryptoDice)\b/, say: 'Random' },
  { pattern: /\b(?:seenBy|Saw)\b/, say: 'decision inputs' },
  { pattern: /\b(?:Standing|Standings)\b/, say: 'terminal-server status' },
  { pattern: /\b(?:Withholding|Relearning)\b/, say: 'withheld CALs, re-admission' },
  { pattern: /\b(?:Road|roads|Spoken|spoken)\b/, say: 'transport or method; phone code' },
  { pattern: /\b(?:unseal|seal)\b/, say: 'decrypt, encrypt' },
  { pattern: /\b[pP]layed[A-Z]|\bplay(?:LicenseServer|Server|Client)\b/, say: 'fake…' },
  { pattern: /\b(?:SmallWorld|smallWorld|Universe|universe)\b/, say: 'sample history, expected permissions' },
  { pattern: /\b(?:strike|struck|spoilt|Strike)\b/, say: 'fault injection, injected, corrupted' },
  {
    pattern:
      /\btype (?:Of|With|Told|Asked|Seen|Saw|Kept|Shown|Given|Opened|Looked|Checked|Changed|Listed|Gathered|Underway|Found|Made|Taken|Held)\b/,
    say: 'a noun that says what the type holds',
  },
];

/** A file is named for the thing that it holds. Nouns of the field may end so. */
export const fieldNouns = new Set([
  'licensing',
  'backend-licensing',
  'client-licensing',
  'metering',
  'monitoring',
  'logging',
  'routing',
  'string',
  'ring',
  'rolling',
  'setting',
  'grouping',
  'testing',
  'trusting-party',
  'changing-cals',
]);
export const fileNames: readonly Word[] = [
  { pattern: /(?:^|-)[a-z]{3,}ing$/, say: 'a noun for what the file holds' },
  {
    pattern:
      /^(?:together|told|asked|seen|saw|kept|held|shown|given|opened|looked|heard|carried|sealed|spoilt|struck)$|^(?:spoken|played)-/,
    say: 'a noun for what the file holds',
  },
  {
    pattern:
      /^(?:dice|chance|strangers|story|scene|universe|small-world|strikes|desk|behind|words|papers|roads)$/,
    say: 'the field’s word for it',
  },
];
