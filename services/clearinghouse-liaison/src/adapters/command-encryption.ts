// A license code is worth CALs to whoever reads it first: in the database it stands sealed, and what was sent of it only until it is
// answered.

import { z } from 'zod';
import { encrypt, decrypt } from '@calbus/licenses/encryption';
import type { Command } from '../domain/command.ts';

const MARK = 'sealed:';
const retail = z.looseObject({
  kind: z.literal('install'),
  purchase: z.looseObject({ program: z.literal('retail'), code: z.string() }),
});

const codeContext = (commandId: string): string => `license-code:${commandId}`;
const statementContext = (commandId: string): string => `statement:${commandId}`;

const decryptText = (secret: string, context: string, text: string): string => {
  if (!text.startsWith(MARK)) return text;
  const plain = decrypt(secret, context, text.slice(MARK.length));
  if (!plain) throw new Error('A command in the database was sealed under another deployment secret.');
  return plain.toString();
};

/** The texts of a command as they are kept. */
export const encryptCommand = (
  secret: string,
  { commandId, request, jws }: Pick<Command, 'commandId' | 'request' | 'jws'>,
): { readonly request: string; readonly jws: string } => {
  if (request.kind !== 'install' || request.purchase.program !== 'retail')
    return { request: JSON.stringify(request), jws };
  const code = MARK + encrypt(secret, codeContext(commandId), request.purchase.code);
  return {
    request: JSON.stringify({ ...request, purchase: { ...request.purchase, code } }),
    jws: MARK + encrypt(secret, statementContext(commandId), jws),
  };
};

/** A kept request, to be checked by its schema. */
export const decryptRequest = (secret: string, commandId: string, text: string): unknown => {
  const value: unknown = JSON.parse(text);
  const box = retail.safeParse(value);
  if (!box.success) return value;
  const { purchase } = box.data;
  return {
    ...box.data,
    purchase: { ...purchase, code: decryptText(secret, codeContext(commandId), purchase.code) },
  };
};

export const decryptStatement = (secret: string, commandId: string, text: string): string =>
  decryptText(secret, statementContext(commandId), text);
