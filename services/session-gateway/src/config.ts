import { z } from 'zod';
import { token } from '@calbus/contracts/tokens';
import { productVersion } from '@calbus/contracts/versions';
import { clearinghouseRootFile } from '@calbus/licenses/license-server-config';
import {
  certificateFile,
  commonConfig,
  duration,
  fileContent,
  checkTlsConsistency,
} from '@calbus/runtime/config';

/** host:port. An IPv6 address is in brackets. */
const hostAndPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$/, 'must be host:port')
  .transform((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replaceAll(/[[\]]/g, ''), port: Number(text.slice(colon + 1)) };
  })
  .refine(({ port }) => port <= 65_535, 'must be host:port, with a port up to 65535');

const limit = (byDefault: number) => z.coerce.number().int().min(1).default(byDefault);

export const config = z
  .object({
    ...commonConfig,
    clearinghouseRootFile,
    terminalServerId: token.describe(
      'The terminal server for which the gateway requests licenses: its identity on NATS.',
    ),
    version: productVersion.describe("The terminal server's version, which CALs must serve."),
    dataDir: z
      .string()
      .min(1)
      .describe(
        'Folder of its own for the state of the terminal server, and for the certificate if none is configured.',
      ),
    listen: hostAndPort.prefault('0.0.0.0:3389').describe('Where clients connect.'),
    rdpServer: hostAndPort.describe('The RDP server, as `host:port`.'),
    rdpServerCertificateFile: certificateFile
      .optional()
      .describe(
        'File with the certificate of the RDP server or of its authority. Required if the RDP server is another machine, because passwords go there.',
      ),
    tlsCertificateFile: certificateFile
      .optional()
      .describe(
        'File with the certificate that clients see. Without it the gateway makes one at its first start.',
      ),
    tlsKeyFile: fileContent.optional().describe('File with the private key of that certificate.'),
    logOnSocket: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe(
        'Path of the unix socket for reports of log-ons. Without it the gateway receives no reports.',
      ),
    connections: limit(2_000).describe('Maximum of connected clients.'),
    connectionsPerAddress: limit(200).describe(
      'Maximum of connected clients of one address, or of one /64 of IPv6.',
    ),
    handshakesPerAddress: limit(30).describe(
      'Maximum of handshakes of one address: clients that are connected and not yet licensed.',
    ),
    handshakeTime: duration
      .prefault('20s')
      .describe('Time limit of a handshake. Clients give up after about nine seconds.'),
  })
  .superRefine(checkTlsConsistency);

export type Config = z.infer<typeof config>;
