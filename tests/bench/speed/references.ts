// What calbus is measured beside, in the same run: how much a message carries, and each contender at each level.

import { generateKeyPairSync } from 'node:crypto';
import { bareNats, durableAppend } from '../contenders/bare-nats.ts';
import type { Contender, GrantingContender } from '../contenders/contender.ts';
import { granted, newGrant, newRequest, readRequest, refused } from '../contenders/grants.ts';
import { httpPostgres } from '../contenders/http-postgres.ts';
import { kvCas } from '../contenders/kv-cas.ts';
import { levelsOf, type Levels, type Measured, type Plan } from './measured.ts';

export type References = {
  /** Of answers as large as a license, and as large as a word. */
  readonly bare: { readonly license: Levels; readonly word: Levels };
  /** One at a time. */
  readonly append: Measured;
  readonly postgres: Levels;
  readonly kv: Levels;
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

const levelsOfContender = ({ name, act, processes }: Contender, plan: Plan): Promise<Levels> =>
  levelsOf({ name, act, processes: () => processes }, plan);

const granting = async (starting: Promise<GrantingContender>, plan: Plan): Promise<Levels> => {
  await using contender = await starting;
  const levels = await levelsOfContender(contender, plan);
  const wrong = await contender.discrepancy();
  if (wrong !== undefined) throw new Error(`${contender.name}: ${wrong}`);
  return levels;
};

export const bareOf = async (answer: 'license' | 'word', plan: Plan): Promise<Levels> => {
  await using bare = await bareNats(request, answerBytes()[answer]);
  return await levelsOfContender(bare, plan);
};

const appendOf = async (plan: Plan): Promise<Measured> => {
  await using append = await durableAppend(new Uint8Array(answerBytes().license));
  const only = (await levelsOfContender(append, { ...plan, inFlight: [1] })).get(1);
  if (!only) throw new Error('nothing was appended');
  return only;
};

export const measureReferences = async (plan: Plan): Promise<References> => ({
  bare: { license: await bareOf('license', plan), word: await bareOf('word', plan) },
  append: await appendOf(plan),
  postgres: await granting(httpPostgres(), plan),
  kv: await granting(kvCas(), plan),
});
