// Configuration of the services of one license server: its secret, and the Clearinghouse that it trusts.

import { z } from 'zod';
import { fileContent } from '@calbus/runtime/config';

export const deploymentSecretFile = fileContent
  .pipe(z.string().min(32, 'must hold at least 32 characters'))
  .describe(
    'File with the deployment secret, of at least 32 characters. The liaison encrypts the issuing keys under it, and the issuers decrypt them.',
  );

export const clearinghouseRootFile = fileContent.describe(
  'File with the certificate of the Clearinghouse that this license server trusts, in PEM.',
);
