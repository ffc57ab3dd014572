// Certificates for a server of a test: files in PEM in a folder of its own, under an authority of its own.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { certifyServer, makeAuthority, type CertifiedKey } from '@calbus/licenses/tls-certificates';

const DAY = 86_400_000;

export type TestTlsFiles = {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly caFile: string;
};

export type TestAuthority = {
  /** In PEM. */
  readonly ca: string;
  readonly caFile: string;
  /** Certifies a server under these host names and IP addresses, also as a client; `daysLeft` may be negative. Gives the same files each time. */
  readonly certify: (names: readonly string[], daysLeft?: number) => Promise<TestTlsFiles>;
  readonly [Symbol.dispose]: () => void;
};

export const testAuthority = async (): Promise<TestAuthority> => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-tls-'));
  const span = { notBefore: Date.now() - 9 * DAY, notAfter: Date.now() + 30 * DAY };
  const authority: CertifiedKey = await makeAuthority('Test', span);
  const file = (name: string, text: string): string => {
    writeFileSync(path.join(dir, name), text, { mode: 0o600 });
    return path.join(dir, name);
  };
  const caFile = file('ca.pem', authority.certificate);
  return {
    ca: authority.certificate,
    caFile,
    certify: async (names, daysLeft = 1) => {
      const { certificate, key } = await certifyServer({
        commonName: 'server',
        names,
        alsoClient: true,
        notBefore: span.notBefore,
        notAfter: Date.now() + daysLeft * DAY,
        authority,
      });
      return { certificateFile: file('server.pem', certificate), keyFile: file('server.key', key), caFile };
    },
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
};
