// The file format of a backup: compressed lines, encrypted in pieces under a passphrase. A reader holds one piece in memory. It finds a
// changed, moved or missing piece before it uses any of it. docs/decisions/0024-backups.md.

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { laterFormatProblem } from '@calbus/contracts/stored-format';
import { Problem } from '@calbus/operator-client/problem';

/** The format of the header and of the lines. */
const BACKUP_FORMAT = 1;
const MAGIC = 'calbus backup';
const MAX_PIECE_BYTES = 1_048_576;
const TAG_BYTES = 16;
const FRAME_BYTES = 4;
/** The highest bit of a piece's length marks the last piece. */
const LAST_PIECE = 0x8000_0000;
const MAX_HEADER_BYTES = 2_048;

const anyBackup = z.object({ is: z.literal(MAGIC) });
const header = z.object({
  is: z.literal(MAGIC),
  format: z.literal(BACKUP_FORMAT),
  compression: z.literal('gzip'),
  cipher: z.literal('aes-256-gcm'),
  kdf: z.object({
    name: z.literal('scrypt'),
    /** The limits keep an altered header from using up the reader's memory. */
    n: z.int().min(16_384).max(1_048_576),
    r: z.int().min(1).max(16),
    p: z.int().min(1).max(4),
    salt: z.string().regex(/^[0-9a-f]{32,128}$/),
  }),
});
const checkedHeader = header.extend({ check: z.string() });
type Header = z.infer<typeof header>;

type Keys = { readonly cipher: Buffer; readonly check: Buffer };

const keysOf = (passphrase: string, { n, r, p, salt }: Header['kdf']): Promise<Keys> =>
  new Promise((resolve, reject) => {
    const options = { N: n, r, p, maxmem: 256 * n * r };
    scrypt(passphrase, Buffer.from(salt, 'hex'), 64, options, (error, key) => {
      if (error) reject(error);
      else resolve({ cipher: key.subarray(0, 32), check: key.subarray(32) });
    });
  });

const checkOf = (keys: Keys, h: Header): string =>
  createHmac('sha256', keys.check).update(JSON.stringify(h)).digest('hex');

/** A key serves one file, and a nonce one piece of it. */
const nonceOf = (n: number): Buffer => {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(n), 4);
  return nonce;
};
/** The additional authenticated data: whether a piece is the last one. */
const authenticatedData = (last: boolean): Buffer => Buffer.from(last ? 'last' : 'more');

const encryption = ({ cipher: key }: Keys): Transform => {
  let pending = Buffer.alloc(0);
  let n = 0;
  const piece = (plain: Buffer, last: boolean): Buffer => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(n++));
    cipher.setAAD(authenticatedData(last));
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    const frame = Buffer.alloc(FRAME_BYTES);
    frame.writeUInt32BE((body.length | (last ? LAST_PIECE : 0)) >>> 0);
    return Buffer.concat([frame, body, cipher.getAuthTag()]);
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length > MAX_PIECE_BYTES) {
        this.push(piece(pending.subarray(0, MAX_PIECE_BYTES), false));
        pending = pending.subarray(MAX_PIECE_BYTES);
      }
      done();
    },
    flush(done) {
      this.push(piece(pending, true));
      done();
    },
  });
};

export const damaged = (says: string): Problem =>
  new Problem('BACKUP_DAMAGED', `The backup is damaged: ${says}. Nothing of it was used; take another copy.`);

const decryption = ({ cipher: key }: Keys): Transform => {
  let pending = Buffer.alloc(0);
  let n = 0;
  let ended = false;
  const opened = (body: Buffer, tag: Buffer, last: boolean): Buffer | undefined => {
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(n++));
    decipher.setAAD(authenticatedData(last));
    decipher.setAuthTag(tag);
    try {
      return Buffer.concat([decipher.update(body), decipher.final()]);
    } catch {
      return undefined;
    }
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= FRAME_BYTES) {
        if (ended) return done(damaged('something follows its last piece'));
        const word = pending.readUInt32BE();
        const [last, length] = [word >= LAST_PIECE, word % LAST_PIECE];
        if (length > MAX_PIECE_BYTES) return done(damaged(`piece ${n + 1} is not what was written`));
        if (pending.length < FRAME_BYTES + length + TAG_BYTES) break;
        const body = pending.subarray(FRAME_BYTES, FRAME_BYTES + length);
        const plain = opened(
          body,
          pending.subarray(FRAME_BYTES + length, FRAME_BYTES + length + TAG_BYTES),
          last,
        );
        if (!plain) return done(damaged(`piece ${n} is not what was written`));
        this.push(plain);
        ended = last;
        pending = pending.subarray(FRAME_BYTES + length + TAG_BYTES);
      }
      done();
    },
    flush(done) {
      done(ended && pending.length === 0 ? null : damaged('its end is missing'));
    },
  });
};

/** Writes `lines` into `file`, which appears when all of it is on the disk. Throws where it exists. */
export const writeEncrypted = async (
  file: string,
  passphrase: string,
  lines: AsyncIterable<string>,
): Promise<void> => {
  const kdf = { name: 'scrypt' as const, n: 131_072, r: 8, p: 1, salt: randomBytes(16).toString('hex') };
  const h: Header = { is: MAGIC, format: BACKUP_FORMAT, compression: 'gzip', cipher: 'aes-256-gcm', kdf };
  const keys = await keysOf(passphrase, kdf);
  const part = `${file}.part`;
  const first = `${JSON.stringify({ ...h, check: checkOf(keys, h) })}\n`;
  await writeFile(part, first, { flag: 'wx', mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    throw new Problem(
      'CANNOT_WRITE',
      `${part} cannot be written (${error.code ?? error.message}): check its folder.`,
    );
  });
  try {
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    // `flush`: the file is on the disk before it is closed.
    const out = createWriteStream(part, { flags: 'a', flush: true });
    await pipeline(
      Readable.from(lines, { objectMode: true, highWaterMark: 16 }),
      gzip,
      encryption(keys),
      out,
    );
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  await rename(part, file);
};

const readHeader = async (file: string) => {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new Problem('CANNOT_READ', `${file} cannot be read (${error.code ?? error.message}).`);
  });
  try {
    const bytes = Buffer.alloc(MAX_HEADER_BYTES);
    const { bytesRead } = await handle.read(bytes, 0, MAX_HEADER_BYTES, 0);
    const end = bytes.subarray(0, bytesRead).indexOf('\n');
    const text = bytes.subarray(0, Math.max(0, end)).toString('utf8');
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      value = undefined;
    }
    const later = anyBackup.safeParse(value).success
      ? laterFormatProblem(file, value, BACKUP_FORMAT)
      : undefined;
    if (later !== undefined) throw new Problem('LATER_VERSION', later);
    const parsed = checkedHeader.safeParse(value);
    if (!parsed.success) throw new Problem('NO_BACKUP', `${file} is no backup of calbus.`);
    const { check, ...h } = parsed.data;
    return { header: h, check, size: end + 1 };
  } finally {
    await handle.close();
  }
};

export type EncryptedFile = {
  /** All lines, from the first on at each call. Throws a Problem at the first fault. */
  readonly lines: () => AsyncGenerator<string>;
};

/** Throws a Problem where the file is no backup, or has another passphrase. */
export const openEncrypted = async (file: string, passphrase: string): Promise<EncryptedFile> => {
  const { header: h, check, size } = await readHeader(file);
  const keys = await keysOf(passphrase, h.kdf);
  const [wanted, found] = [Buffer.from(checkOf(keys, h)), Buffer.from(check)];
  if (wanted.length !== found.length || !timingSafeEqual(wanted, found))
    throw new Problem(
      'WRONG_PASSPHRASE',
      'The passphrase is not the one of this backup, or the beginning of the file was changed.',
    );
  return {
    async *lines() {
      const source = createReadStream(file, { start: size });
      const gunzip = createGunzip();
      const through = pipeline(source, decryption(keys), gunzip);
      through.catch(() => {});
      const reader = createInterface({ input: gunzip, crlfDelay: Infinity });
      // A reader that stops early destroys the streams. No one waits for the error then.
      reader.on('error', () => {});
      try {
        for await (const line of reader) yield line;
        await through;
      } catch (error) {
        // Its error is the cause of the reader's error.
        await through;
        throw error;
      } finally {
        source.destroy();
      }
    },
  };
};
