// Signed statements as groups of letters, and back to the same bytes. Both sides write payloads in the schema's order of members.
// The encoder decodes its own result, and gives no groups if the bytes differ.

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
  readAnswer,
  writeAnswer,
  type AnswerContext,
  type DecodedPack,
  type DecodedBody,
  type PhoneCodeBody,
  type PhoneCodeCertificate,
  type PhoneCodePack,
} from './phone-code-answer.ts';
import { bitReader, bitWriter } from './phone-code-bits.ts';
import { readCommand, writeCommand } from './phone-code-command.ts';
import { decodeGroups, encodeGroups, type GroupError } from './phone-code-groups.ts';
import { certificateParts, rebuildCertificate } from '@calbus/licenses/certificates';
import { assembleJws, openJws } from '@calbus/licenses/jws';
import { toDer, toPem } from '@calbus/licenses/statements';

const jwkHeader = z.object({ jwk: z.object({ x: z.string().length(43) }) });
const x5cHeader = z.object({ x5c: z.array(z.string()).length(1) });
type Jwk = { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };
const jwkOf = (key: Uint8Array): Jwk => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: Buffer.from(key).toString('base64url'),
});

const contextOf = (commandJws: string): AnswerContext | undefined => {
  const opened = openJws(commandJws);
  const head = jwkHeader.safeParse(opened?.header);
  const command = clearinghouseCommand.safeParse(opened?.payload);
  return head.success && command.success
    ? { command: command.data, key: Buffer.from(head.data.jwk.x, 'base64url') }
    : undefined;
};

const hashOf = (commandJws: string): string => createHash('sha256').update(commandJws).digest('hex');

/** The groups of a command; undefined where it cannot be spoken: it is too long, or of an older form. */
export const encodeCommand = (jws: string): readonly string[] | undefined => {
  const x = contextOf(jws);
  const opened = openJws(jws);
  if (!x || !opened) return undefined;
  const w = bitWriter();
  writeCommand(w, x.command);
  w.bytes(x.key);
  w.bytes(opened.signature);
  return rebuildCommand(w.bits()) === jws ? encodeGroups('request', w.bits()) : undefined;
};

const rebuildCommand = (bits: readonly number[]): string | undefined => {
  const r = bitReader(bits);
  const command = readCommand(r);
  const key = r.bytes(32);
  const signature = r.bytes(64);
  return command && r.ended()
    ? assembleJws({ typ: COMMAND_TYP, jwk: jwkOf(key) }, command, signature)
    : undefined;
};

export type DecodeResult =
  | { readonly ok: true; readonly jws: string }
  | { readonly ok: false; readonly wrong: readonly GroupError[]; readonly why: 'mistyped' | 'other-command' };

const rejected = (says: string, why: 'mistyped' | 'other-command' = 'mistyped'): DecodeResult => ({
  ok: false,
  wrong: [{ group: 0, says }],
  why,
});
const UNKNOWN_MESSAGE = 'the groups fit together, but what they say is no message that is known here';

/** The signed statement of a command; its signature is not verified here. Never throws. */
export const decodeCommand = (groups: readonly string[]): DecodeResult => {
  const heard = decodeGroups('request', groups);
  if (!heard.ok) return { ...heard, why: 'mistyped' };
  const jws = rebuildCommand(heard.bits);
  return jws === undefined ? rejected(UNKNOWN_MESSAGE) : { ok: true, jws };
};

const compactCertificate = async (
  pem: string,
  role: 'license-server' | 'clearinghouse',
  root: string,
): Promise<PhoneCodeCertificate> => {
  const p = certificateParts(pem);
  const minutes = p ? (p.notAfter - p.notBefore) / 60_000 : 0;
  if (p && Number.isInteger(minutes) && toDer(await rebuildCertificate(role, p, root)) === toDer(pem))
    return { kind: 'parts', ...p, notBefore: p.notBefore / 1_000, notAfter: p.notAfter / 1_000 };
  return { kind: 'whole', der: Buffer.from(toDer(pem), 'base64') };
};

const restoreCertificate = async (
  c: PhoneCodeCertificate,
  role: 'license-server' | 'clearinghouse',
  root: string,
): Promise<string> =>
  c.kind === 'parts'
    ? await rebuildCertificate(
        role,
        { ...c, notBefore: c.notBefore * 1_000, notAfter: c.notAfter * 1_000 },
        root,
      )
    : toPem(Buffer.from(c.der).toString('base64'));

const compactPack = async (jws: string, answerX5c: string, root: string): Promise<PhoneCodePack> => {
  const opened = openJws(jws);
  const der = x5cHeader.parse(opened?.header).x5c[0] ?? '';
  return {
    claims: keyPackClaims.parse(opened?.payload),
    certificate: der === answerX5c ? null : await compactCertificate(toPem(der), 'clearinghouse', root),
    signature: opened?.signature ?? new Uint8Array(64),
  };
};

const compactBody = async (
  a: z.infer<typeof clearinghouseAnswer>,
  answerX5c: string,
  root: string,
): Promise<PhoneCodeBody> => {
  switch (a.type) {
    case 'activated': {
      const { serverId, epoch, chain } = a.body;
      const certificates = await Promise.all(
        chain.map((pem) => compactCertificate(pem, 'license-server', root)),
      );
      return { type: a.type, serverId, epoch, chain: certificates };
    }
    case 'key-pack':
      return { type: a.type, pack: await compactPack(a.body.keyPack, answerX5c, root) };
    case 'deactivated':
      return { type: a.type };
    case 'recovered': {
      const packs = await Promise.all(a.body.keyPacks.map((jws) => compactPack(jws, answerX5c, root)));
      return { type: a.type, packs };
    }
    case 'pack-changed': {
      const { keyPackId, quantity, keyPack } = a.body;
      const pack = keyPack === null ? null : await compactPack(keyPack, answerX5c, root);
      return { type: a.type, keyPackId, quantity, pack };
    }
    case 'rejected':
      return { type: a.type, ...a.body };
  }
};

/** The groups of the answer to a command; undefined where it cannot be spoken: it is too long, or of an older form. */
export const encodeAnswer = async (
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
  const certificate = await compactCertificate(toPem(x5c), 'clearinghouse', root);
  const body = await compactBody(answer.data, x5c, root);
  writeAnswer(w, { id, issuedAt, hashed, certificate, signature: opened.signature, body }, x);
  const groups = encodeGroups('answer', w.bits());
  if (!groups) return undefined;
  const again = await decodeAnswer(groups, commandJws, root);
  return again.ok && again.jws === jws ? groups : undefined;
};

type RestoredBody = { readonly type: string; readonly body: object };

const restoreBody = async (b: DecodedBody, x5c: string, root: string): Promise<RestoredBody> => {
  const pack = async (p: DecodedPack): Promise<string> => {
    const der =
      p.certificate === null ? x5c : toDer(await restoreCertificate(p.certificate, 'clearinghouse', root));
    return assembleJws({ typ: KEY_PACK_TYP, x5c: [der] }, keyPackClaims.parse(p.claims), p.signature);
  };
  switch (b.type) {
    case 'activated': {
      const { type, serverId, epoch } = b;
      const chain = await Promise.all(b.chain.map((c) => restoreCertificate(c, 'license-server', root)));
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
export const decodeAnswer = async (
  groups: readonly string[],
  commandJws: string,
  root: string,
): Promise<DecodeResult> => {
  const heard = decodeGroups('answer', groups);
  if (!heard.ok) return { ...heard, why: 'mistyped' };
  const x = contextOf(commandJws);
  const a = x ? readAnswer(bitReader(heard.bits), x) : 'garbage';
  if (a === 'other-command' || !x)
    return rejected('they answer another command: compare the id of the command', 'other-command');
  if (a === 'garbage') return rejected(UNKNOWN_MESSAGE);
  try {
    const x5c = toDer(await restoreCertificate(a.certificate, 'clearinghouse', root));
    const { type, body } = await restoreBody(a.body, x5c, root);
    const { id, productId } = x.command;
    const commandHash = a.hashed ? hashOf(commandJws) : undefined;
    const statement = { id: a.id, version: 1, issuedAt: a.issuedAt, commandHash, commandId: id, productId };
    const answer = clearinghouseAnswer.parse({ ...statement, type, body });
    return { ok: true, jws: assembleJws({ typ: ANSWER_TYP, x5c: [x5c] }, answer, a.signature) };
  } catch {
    return rejected(UNKNOWN_MESSAGE); // bytes that are no key, or no answer
  }
};
