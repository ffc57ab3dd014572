// Groups of five letters, as they are said over a telephone. Four letters carry 20 bits, the fifth checks them and their place; the
// first group says how many there are, the last one checks the whole. docs/decisions says why it is made like this.

/** 32 letters, none of which looks like another; a letter's place is its value. */
export const PHONE_CODE_LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
export const PHONE_CODE_VERSION = 1;
/** What a message can be; it stands in the first group. */
export const phoneCodeKinds = ['request', 'answer'] as const;
export type PhoneCodeKind = (typeof phoneCodeKinds)[number];

const GROUP_BITS = 20;
/** As many as the first group can say. */
export const MAX_GROUPS = 4_095;

/** Doubling in the field of 32 elements, modulo x^5 + x^2 + 1. */
const double = (n: number): number => ((n << 1) ^ ((n >> 4) * 0b100101)) & 31;

/** The letters are weighed with 2, 4, 8 and 16 and the check with 1: no two alike, so that two that change places are found. */
const checkOf = (values: readonly number[], place: number): number => {
  let sum = 0;
  for (const value of [...values].reverse()) sum = double(sum ^ value);
  return sum ^ (place % 32);
};

/** The remainder modulo the primitive polynomial x^20 + x^3 + 1: two groups that change places change it, however far apart. */
const remainder = (groups: readonly number[]): number => {
  let rest = 0;
  for (const group of groups)
    for (let i = GROUP_BITS - 1; i >= 0; i -= 1) {
      const top = rest >> (GROUP_BITS - 1);
      rest = ((rest << 1) & 0xf_ff_ff) ^ (top * 0b1001);
      rest ^= (group >> i) & 1;
    }
  return rest;
};

/** What makes the remainder of all groups nothing. */
const closing = (groups: readonly number[]): number => remainder([...groups, 0]);

const lettersOf = (group: number, place: number): string => {
  const values = [group >> 15, (group >> 10) & 31, (group >> 5) & 31, group & 31];
  return [...values, checkOf(values, place)].map((v) => PHONE_CODE_LETTERS[v] ?? '').join('');
};

/** The groups of a message; undefined where it is too long to be said. */
export const encodeGroups = (kind: PhoneCodeKind, bits: readonly number[]): readonly string[] | undefined => {
  const body: number[] = [];
  for (let i = 0; i < bits.length; i += GROUP_BITS) {
    let group = 0;
    for (let k = i; k < i + GROUP_BITS; k += 1) group = group * 2 + (bits[k] ?? 0);
    body.push(group);
  }
  const total = body.length + 2;
  if (total > MAX_GROUPS) return undefined;
  const head = (PHONE_CODE_VERSION << 17) | (phoneCodeKinds.indexOf(kind) << 12) | total;
  const groups = [head, ...body];
  return [...groups, closing(groups)].map(lettersOf);
};

/** What is wrong, and in which group, counted from 1; 0: in the whole. */
export type GroupError = { readonly group: number; readonly says: string };
export type DecodedGroups =
  | { readonly ok: true; readonly bits: readonly number[] }
  | { readonly ok: false; readonly wrong: readonly GroupError[] };

/** Splits what a person typed; line numbers with a colon are left out. */
export const splitGroups = (typed: string): readonly string[] =>
  typed
    .toUpperCase()
    .replaceAll(/(^|\s)[0-9]+:/g, ' ')
    .split(/[\s,.-]+/)
    .filter((part) => part !== '')
    .flatMap((part) => (part.length > 5 && part.length % 5 === 0 ? (part.match(/.{5}/g) ?? []) : [part]));

const valuesOf = (group: string): readonly number[] =>
  Array.from(group).map((c) => PHONE_CODE_LETTERS.indexOf(c));

const shapeProblem = (group: string): string | undefined => {
  const strange = Array.from(group).find((c) => !PHONE_CODE_LETTERS.includes(c));
  if (strange !== undefined) {
    const shown = /^[!-~]$/.test(strange) ? ` "${strange}"` : '';
    return `has a character${shown} that does not occur: the letters are A to Z without I and O, and 2 to 9`;
  }
  return group.length === 5 ? undefined : `has ${group.length} letters; each group has five`;
};

const fits = (group: string | undefined, place: number): boolean => {
  if (group === undefined || shapeProblem(group) !== undefined) return false;
  const values = valuesOf(group);
  return checkOf(values.slice(0, 4), place) === values[4];
};

const numberOf = (group: string): number => valuesOf(group).reduce((n, v, i) => (i < 4 ? n * 32 + v : n), 0);

/** Whether all groups fit, and together. */
const sound = (groups: readonly string[]): boolean =>
  groups.every(fits) && remainder(groups.map(numberOf)) === 0;

/** One group left out, or one said twice, moves all behind it by one. */
const findShift = (groups: readonly string[]): GroupError | undefined => {
  const first = groups.findIndex((group, i) => !fits(group, i));
  if (first < 0 || groups.length < 2) return undefined;
  const rest = groups.slice(first);
  if (rest.every((group, i) => fits(group, first + i + 1)))
    return { group: first + 1, says: 'is missing: what stands in its place is the next one' };
  const gone = groups.filter((_, i) => i !== first);
  return gone.length > first && gone.slice(first).every((group, i) => fits(group, first + i))
    ? { group: first + 1, says: 'does not belong there: without it the others fit' }
    : undefined;
};

const exchanged = (groups: readonly string[], i: number, j: number): readonly string[] =>
  groups.map((group, k) => (k === i ? (groups[j] ?? '') : k === j ? (groups[i] ?? '') : group));

const swapped = (i: number, j: number): readonly GroupError[] => [
  { group: i + 1, says: `has changed places with group ${j + 1}` },
  { group: j + 1, says: `has changed places with group ${i + 1}` },
];

/** Two groups that fit in each other's place. */
const findSwapped = (
  groups: readonly string[],
  bad: readonly number[],
): readonly GroupError[] | undefined => {
  const [i, j] = bad;
  return bad.length === 2 && i !== undefined && j !== undefined && fits(groups[i], j) && fits(groups[j], i)
    ? swapped(i, j)
    : undefined;
};

/** Places that are 32 apart have the same check. */
const findFarSwapped = (groups: readonly string[]): readonly GroupError[] | undefined => {
  for (let i = 0; i < groups.length; i += 1)
    for (let j = i + 32; j < groups.length; j += 32) if (sound(exchanged(groups, i, j))) return swapped(i, j);
  return undefined;
};

const whole = (says: string): DecodedGroups => ({ ok: false, wrong: [{ group: 0, says }] });

/** Takes groups as they were heard. Never throws; what is wrong is named group by group. */
export const decodeGroups = (kind: PhoneCodeKind, groups: readonly string[]): DecodedGroups => {
  if (groups.length < 2) return whole('there is no message: it has at least two groups');
  if (groups.length > MAX_GROUPS) return whole('no message has so many groups');
  const shapes = groups.flatMap((group, i) => {
    const says = shapeProblem(group);
    return says === undefined ? [] : [{ group: i + 1, says }];
  });
  if (shapes.length > 0) return { ok: false, wrong: shapes };
  const bad = [...groups.keys()].filter((i) => !fits(groups[i], i));
  if (bad.length > 0) {
    const found = findSwapped(groups, bad);
    const shift = findShift(groups);
    if (found ?? shift) return { ok: false, wrong: found ?? (shift ? [shift] : []) };
    const says = 'is mistyped: its check, the fifth letter, does not fit';
    return { ok: false, wrong: bad.map((i) => ({ group: i + 1, says })) };
  }
  const numbers = groups.map(numberOf);
  const [head = 0] = numbers;
  const total = head & 0xfff;
  if (remainder(numbers) !== 0) {
    const far = findFarSwapped(groups);
    if (far) return { ok: false, wrong: far };
    return whole(
      total > groups.length
        ? `the message has ${total} groups, and here are ${groups.length}: the end is missing`
        : 'each group fits its place, but not all together: a group is of another message, or two mistakes hide each other. Compare them all',
    );
  }
  if (head >> 17 !== PHONE_CODE_VERSION) return whole('it is of a version of calbus that is not known here');
  if (total !== groups.length) return whole(`the message has ${total} groups, and here are ${groups.length}`);
  const said = phoneCodeKinds[(head >> 12) & 31];
  if (said !== kind)
    return whole(
      said === undefined
        ? 'it is of a kind that is not known here'
        : `they are those of the ${said}, not of the ${kind}`,
    );
  const bits: number[] = [];
  for (const group of numbers.slice(1, -1))
    for (let i = GROUP_BITS - 1; i >= 0; i -= 1) bits.push((group >> i) & 1);
  return { ok: true, bits };
};
