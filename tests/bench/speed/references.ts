// What calbus is measured beside, in the same run: how much a message carries, and each contender at each level.

import { generateKeyPairSync } from 'node:crypto';
import { bareNats, durableAppend } from '../contenders/bare-nats.ts';
import type { Contender, GrantingContender } from '../contenders/contender.ts';
import { granted, newGrant, newRequest, readRequest, refused } from '../contenders/grants.ts';
import { httpPostgres } from '../contenders/http-postgres.ts';
import { kvCas } from '../contenders/kv-cas.ts';
import { measured, type Measured } from './measured.ts';

/** By how many are in flight. */
export type Levels = ReadonlyMap<number, Measured>;

export type References = {
  /** Of answers as large as a license, and as large as a word. */
  readonly bare: { readonly license: Levels; readonly word: Levels };
  /** One at a time. */
  readonly append: Measured;
  readonly postgres: Levels;
  readonly kv: Levels;
};

export type Plan = {
  readonly inFlight: readonly number[];
  readonly seconds: number;
  readonly say: (line: string) => void;
};

const request = newRequest();
const answerBytes = (): { license: number; word: number } => {
  const asked = readRequest(request);
  if (!asked) throw new Error('the request that was made is none');
  const { privateKey } = generateKeyPairSync('ed25519');
  return {
    license: granted(privateKey, asked, newGrant(), 1).byteLength,
    word: refused(asked).byteLength,
  };
};

const levelsOf = async (contender: Contender, { inFlight, seconds, say }: Plan): Promise<Levels> => {
  const levels = new Map<number, Measured>();
  for (const n of inFlight) {
    say(`  ${contender.name}, ${n} in flight …`);
    const { act, processes } = contender;
    levels.set(n, await measured({ inFlight: n, seconds, act, processes: () => processes }));
  }
  return levels;
};

const granting = async (starting: Promise<GrantingContender>, plan: Plan): Promise<Levels> => {
  await using contender = await starting;
  const levels = await levelsOf(contender, plan);
  const wrong = await contender.discrepancy();
  if (wrong !== undefined) throw new Error(`${contender.name}: ${wrong}`);
  return levels;
};

export const bareOf = async (answer: 'license' | 'word', plan: Plan): Promise<Levels> => {
  await using bare = await bareNats(request, answerBytes()[answer]);
  return await levelsOf(bare, plan);
};

const appendOf = async (plan: Plan): Promise<Measured> => {
  await using append = await durableAppend(new Uint8Array(answerBytes().license));
  const only = (await levelsOf(append, { ...plan, inFlight: [1] })).get(1);
  if (!only) throw new Error('nothing was appended');
  return only;
};

export const measureReferences = async (plan: Plan): Promise<References> => ({
  bare: { license: await bareOf('license', plan), word: await bareOf('word', plan) },
  append: await appendOf(plan),
  postgres: await granting(httpPostgres(), plan),
  kv: await granting(kvCas(), plan),
});
