// GCC Conference Create Request (T.124) as RDP uses it: blocks of client data (MS-RDPBCGR 2.2.1.3).

import { nameOfUtf16, reader, type Reader } from './bytes.ts';
import { failure, success, type Result } from './result.ts';
import { perLength } from './lengths.ts';

const CONNECT_DATA = [0x00, 0x05, 0x00, 0x14, 0x7c, 0x00, 0x01] as const;
const CS_CORE = 0xc001;
/** The protocol knows about a dozen kinds of blocks. */
const MAX_BLOCKS = 64;
const CLIENT_NAME_OFFSET = 20;
const CLIENT_NAME_BYTES = 32;

export type Block = { readonly type: number; readonly data: Uint8Array };

const readExpected = (r: Reader, expected: readonly number[]): boolean =>
  expected.every((byte) => r.u8() === byte);

/** The blocks of client data in the user data of an MCS Connect-Initial. */
export const decodeClientData = (userData: Uint8Array): Result<readonly Block[]> => {
  const r = reader(userData);
  if (!readExpected(r, CONNECT_DATA)) return failure('the GCC connect data is not of the expected kind');
  perLength(r);
  r.take(8);
  if (!readExpected(r, [0x44, 0x75, 0x63, 0x61]))
    return failure('the GCC user data is not that of an RDP client');
  const length = perLength(r);
  if (!r.isComplete() || length > r.remaining()) return failure('the GCC user data is truncated');
  const inner = reader(r.take(length));
  const blocks: Block[] = [];
  while (inner.remaining() > 0) {
    if (blocks.length === MAX_BLOCKS) return failure('there are too many blocks of client data');
    const type = inner.u16le();
    const size = inner.u16le();
    if (size < 4) return failure('a block of client data is shorter than its header');
    blocks.push({ type, data: inner.take(size - 4) });
    if (!inner.isComplete()) return failure('a block of client data is truncated');
  }
  return success(blocks);
};

/** The client's name: at most 15 characters, which the client chooses itself. */
export const clientNameOf = (blocks: readonly Block[]): Result<string> => {
  const core = blocks.find((b) => b.type === CS_CORE);
  if (!core) return failure('the client sends no core data');
  const r = reader(core.data);
  r.take(CLIENT_NAME_OFFSET);
  const bytes = r.take(CLIENT_NAME_BYTES);
  return r.isComplete() ? success(nameOfUtf16(bytes)) : failure('the core data is truncated');
};
