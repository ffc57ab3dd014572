// The issuing keys that the liaison publishes for the issuers.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { issuingCertificate } from './terminal-server-messages.ts';
import { instant } from './tokens.ts';

export const issuingKeys = contract(
  'keys.issuing',
  1,
  'The issuing keys, newest first: certificates in the clear, private keys sealed under the deployment secret.',
  z.object({
    keys: z
      .array(
        issuingCertificate.extend({
          notBefore: instant,
          notAfter: instant,
          /** The PKCS#8 of the private key, sealed (base64url); null once only its certificate is kept. */
          sealed: z.string().max(4_096).nullable(),
        }),
      )
      .max(64),
  }),
  524_288,
);
