import { z } from 'zod';
import { token } from '@calbus/contracts/tokens';
import { productVersion } from '@calbus/contracts/versions';
import {
  certificateFile,
  clearinghouseRootFile,
  commonConfig,
  duration,
  fileContent,
  checkTlsConsistency,
} from '@calbus/runtime/config';

/** host:port, as two. An IPv6 address stands in brackets. */
const place = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$/, 'must be host:port')
  .transform((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replaceAll(/[[\]]/g, ''), port: Number(text.slice(colon + 1)) };
  })
  .refine(({ port }) => port <= 65_535, 'must be host:port, with a port up to 65535');

const atMost = (unless: number) => z.coerce.number().int().min(1).default(unless);

export const config = z
  .object({
    ...commonConfig,
    clearinghouseRootFile,
    terminalServerId: token.describe('The terminal server for which it asks: its identity on NATS.'),
    version: productVersion.describe("The terminal server's version, which CALs must serve."),
    dataDir: z
      .string()
      .min(1)
      .describe(
        'Folder of its own, for what a terminal server keeps over restarts, and for the certificate where none is given.',
      ),
    listen: place.prefault('0.0.0.0:3389').describe('Where clients connect.'),
    rdpServer: place.describe('The RDP server behind, as `host:port`.'),
    rdpServerCertificateFile: certificateFile
      .optional()
      .describe(
        'File with its certificate, or that of who signed it. Needed where it is another machine: passwords go there.',
      ),
    tlsCertificateFile: certificateFile
      .optional()
      .describe('File with the certificate that clients see. Without one, one is made at the first start.'),
    tlsKeyFile: fileContent.optional().describe('File with the private key of that certificate.'),
    logOnSocket: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe('Path of a unix socket where log-ons are reported. Without it none are.'),
    connections: atMost(2_000).describe('How many clients may be connected.'),
    connectionsPerAddress: atMost(200).describe(
      'How many of one address, or of one /64 of IPv6, may be connected.',
    ),
    handshakesPerAddress: atMost(30).describe(
      'How many of one address may be between connecting and being licensed.',
    ),
    handshakeTime: duration
      .prefault('20s')
      .describe('How long that may take. Clients give up after about nine seconds.'),
  })
  .superRefine(checkTlsConsistency);
