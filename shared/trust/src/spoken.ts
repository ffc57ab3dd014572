// Signed statements as groups of letters, and back to the very same bytes. Payloads are made by their schema's order of members on both sides;
// whoever speaks a statement makes it again first, and does not speak what would not come out the same.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  ANSWER_TYP,
  clearinghouseAnswer,
  clearinghouseCommand,
  COMMAND_TYP,
  KEY_PACK_TYP,
  keyPackClaims,
} from '@calbus/contracts/clearinghouse';
import {
  getAnswer,
  putAnswer,
  type Context,
  type HeardPack,
  type HeardBody,
  type SpokenBody,
  type SpokenCertificate,
  type SpokenPack,
} from '@calbus/contracts/spoken-answer';
import { bitReader, bitWriter } from '@calbus/contracts/spoken-bits';
import { getCommand, putCommand } from '@calbus/contracts/spoken-command';
import { fromGroups, toGroups, type Mistyped } from '@calbus/contracts/spoken-groups';
import { certificateParts, remakeCertificate } from './certificates.ts';
import { assembleJws, openJws } from './jws.ts';
import { toDer, toPem } from './statements.ts';

const jwkHeader = z.object({ jwk: z.object({ x: z.string().length(43) }) });
const x5cHeader = z.object({ x5c: z.array(z.string()).length(1) });
type Jwk = { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };
const jwkOf = (key: Uint8Array): Jwk => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: Buffer.from(key).toString('base64url'),
});

const contextOf = (commandJws: string): Context | undefined => {
  const opened = openJws(commandJws);
  const head = jwkHeader.safeParse(opened?.header);
  const command = clearinghouseCommand.safeParse(opened?.payload);
  return head.success && command.success
    ? { command: command.data, key: Buffer.from(head.data.jwk.x, 'base64url') }
    : undefined;
};

const hashOf = (commandJws: string): string => createHash('sha256').update(commandJws).digest('hex');

/** The groups of a command; undefined where it cannot be spoken: it is too long, or of an older form. */
export const speakCommand = (jws: string): readonly string[] | undefined => {
  const x = contextOf(jws);
  const opened = openJws(jws);
  if (!x || !opened) return undefined;
  const w = bitWriter();
  putCommand(w, x.command);
  w.bytes(x.key);
  w.bytes(opened.signature);
  return readCommand(w.bits()) === jws ? toGroups('request', w.bits()) : undefined;
};

const readCommand = (bits: readonly number[]): string | undefined => {
  const r = bitReader(bits);
  const command = getCommand(r);
  const key = r.bytes(32);
  const signature = r.bytes(64);
  return command && r.ended()
    ? assembleJws({ typ: COMMAND_TYP, jwk: jwkOf(key) }, command, signature)
    : undefined;
};

export type Heard =
  | { readonly ok: true; readonly jws: string }
  | { readonly ok: false; readonly wrong: readonly Mistyped[]; readonly why: 'mistyped' | 'other-command' };

const whole = (says: string, why: 'mistyped' | 'other-command' = 'mistyped'): Heard => ({
  ok: false,
  wrong: [{ group: 0, says }],
  why,
});
const NOTHING = 'the groups fit together, but what they say is no message that is known here';

/** The signed statement of a command; its signature is not verified here. Never throws. */
export const hearCommand = (groups: readonly string[]): Heard => {
  const heard = fromGroups('request', groups);
  if (!heard.ok) return { ...heard, why: 'mistyped' };
  const jws = readCommand(heard.bits);
  return jws === undefined ? whole(NOTHING) : { ok: true, jws };
};

const spoken = async (
  pem: string,
  role: 'license-server' | 'clearinghouse',
  root: string,
): Promise<SpokenCertificate> => {
  const p = certificateParts(pem);
  const minutes = p ? (p.notAfter - p.notBefore) / 60_000 : 0;
  if (p && Number.isInteger(minutes) && toDer(await remakeCertificate(role, p, root)) === toDer(pem))
    return { kind: 'parts', ...p, notBefore: p.notBefore / 1_000, notAfter: p.notAfter / 1_000 };
  return { kind: 'whole', der: Buffer.from(toDer(pem), 'base64') };
};

const remade = async (
  c: SpokenCertificate,
  role: 'license-server' | 'clearinghouse',
  root: string,
): Promise<string> =>
  c.kind === 'parts'
    ? await remakeCertificate(
        role,
        { ...c, notBefore: c.notBefore * 1_000, notAfter: c.notAfter * 1_000 },
        root,
      )
    : toPem(Buffer.from(c.der).toString('base64'));

const speakPack = async (jws: string, answerX5c: string, root: string): Promise<SpokenPack> => {
  const opened = openJws(jws);
  const der = x5cHeader.parse(opened?.header).x5c[0] ?? '';
  return {
    claims: keyPackClaims.parse(opened?.payload),
    certificate: der === answerX5c ? null : await spoken(toPem(der), 'clearinghouse', root),
    signature: opened?.signature ?? new Uint8Array(64),
  };
};

const speakBody = async (
  a: z.infer<typeof clearinghouseAnswer>,
  answerX5c: string,
  root: string,
): Promise<SpokenBody> => {
  switch (a.type) {
    case 'activated': {
      const { serverId, epoch, chain } = a.body;
      const certificates = await Promise.all(chain.map((pem) => spoken(pem, 'license-server', root)));
      return { type: a.type, serverId, epoch, chain: certificates };
    }
    case 'key-pack':
      return { type: a.type, pack: await speakPack(a.body.keyPack, answerX5c, root) };
    case 'deactivated':
      return { type: a.type };
    case 'recovered': {
      const packs = await Promise.all(a.body.keyPacks.map((jws) => speakPack(jws, answerX5c, root)));
      return { type: a.type, packs };
    }
    case 'pack-changed': {
      const { keyPackId, quantity, keyPack } = a.body;
      const pack = keyPack === null ? null : await speakPack(keyPack, answerX5c, root);
      return { type: a.type, keyPackId, quantity, pack };
    }
    case 'rejected':
      return { type: a.type, ...a.body };
  }
};

/** The groups of the answer to a command; undefined where it cannot be spoken: it is too long, or of an older form. */
export const speakAnswer = async (
  jws: string,
  commandJws: string,
  root: string,
): Promise<readonly string[] | undefined> => {
  const x = contextOf(commandJws);
  const opened = openJws(jws);
  const head = x5cHeader.safeParse(opened?.header);
  const answer = clearinghouseAnswer.safeParse(opened?.payload);
  if (!x || !opened || !head.success || !answer.success) return undefined;
  const x5c = head.data.x5c[0] ?? '';
  const { id, issuedAt, commandHash } = answer.data;
  const hashed = commandHash === hashOf(commandJws);
  const w = bitWriter();
  const certificate = await spoken(toPem(x5c), 'clearinghouse', root);
  const body = await speakBody(answer.data, x5c, root);
  putAnswer(w, { id, issuedAt, hashed, certificate, signature: opened.signature, body }, x);
  const groups = toGroups('answer', w.bits());
  if (!groups) return undefined;
  const again = await hearAnswer(groups, commandJws, root);
  return again.ok && again.jws === jws ? groups : undefined;
};

type Rebuilt = { readonly type: string; readonly body: object };

const rebuilt = async (b: HeardBody, x5c: string, root: string): Promise<Rebuilt> => {
  const pack = async (p: HeardPack): Promise<string> => {
    const der = p.certificate === null ? x5c : toDer(await remade(p.certificate, 'clearinghouse', root));
    return assembleJws({ typ: KEY_PACK_TYP, x5c: [der] }, keyPackClaims.parse(p.claims), p.signature);
  };
  switch (b.type) {
    case 'activated': {
      const { type, serverId, epoch } = b;
      const chain = await Promise.all(b.chain.map((c) => remade(c, 'license-server', root)));
      return { type, body: { serverId, epoch, chain } };
    }
    case 'key-pack':
      return { type: b.type, body: { keyPack: await pack(b.pack) } };
    case 'deactivated':
      return { type: b.type, body: {} };
    case 'recovered':
      return { type: b.type, body: { keyPacks: await Promise.all(b.packs.map(pack)) } };
    case 'pack-changed': {
      const { type, keyPackId, quantity } = b;
      return { type, body: { keyPackId, quantity, keyPack: b.pack === null ? null : await pack(b.pack) } };
    }
    case 'rejected': {
      const { type, reason, says } = b;
      return { type, body: { reason, says } };
    }
  }
};

/** The signed statement of the answer to a command; its signatures are not verified here. Never throws. */
export const hearAnswer = async (
  groups: readonly string[],
  commandJws: string,
  root: string,
): Promise<Heard> => {
  const heard = fromGroups('answer', groups);
  if (!heard.ok) return { ...heard, why: 'mistyped' };
  const x = contextOf(commandJws);
  const a = x ? getAnswer(bitReader(heard.bits), x) : 'garbage';
  if (a === 'other-command' || !x)
    return whole('they answer another command: compare the id of the command', 'other-command');
  if (a === 'garbage') return whole(NOTHING);
  try {
    const x5c = toDer(await remade(a.certificate, 'clearinghouse', root));
    const { type, body } = await rebuilt(a.body, x5c, root);
    const { id, productId } = x.command;
    const commandHash = a.hashed ? hashOf(commandJws) : undefined;
    const statement = { id: a.id, version: 1, issuedAt: a.issuedAt, commandHash, commandId: id, productId };
    const answer = clearinghouseAnswer.parse({ ...statement, type, body });
    return { ok: true, jws: assembleJws({ typ: ANSWER_TYP, x5c: [x5c] }, answer, a.signature) };
  } catch {
    return whole(NOTHING); // bytes that are no key, or no answer
  }
};
