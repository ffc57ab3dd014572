import { z } from 'zod';
import { token } from '@calbus/contracts/tokens';
import { productVersion } from '@calbus/contracts/versions';
import { certificateFile, commonConfig, duration, fileContent } from '@calbus/runtime/config';

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

export const config = z.object({
  ...commonConfig,
  clearinghouseRootFile: fileContent,
  /** The identity of the terminal server for which it asks. */
  terminalServerId: token,
  /** The version that CALs must serve. */
  version: productVersion,
  /** What the terminal server keeps over restarts, and the certificate where none is given. A folder of its own. */
  dataDir: z.string().min(1),
  /** Where clients connect. */
  listen: place.default({ host: '0.0.0.0', port: 3389 }),
  /** The RDP server behind. */
  rdpServer: place,
  /** Its certificate, or that of who signed it. Needed where it is on another machine: passwords go there. */
  rdpServerCertificateFile: certificateFile.optional(),
  /** What clients see. Without them one is made at the first start. */
  tlsCertificateFile: certificateFile.optional(),
  tlsKeyFile: fileContent.optional(),
  /** A unix socket where log-ons are reported; without it none are. */
  logOnSocket: z.string().min(1).max(100).optional(),
  connections: atMost(2_000),
  connectionsPerAddress: atMost(200),
  /** How many of one address may be between connecting and being licensed. */
  handshakesPerAddress: atMost(30),
  /** How long that may take. Clients give up after about nine seconds. */
  handshakeTime: duration.default(20_000),
});
export type Config = z.infer<typeof config>;
