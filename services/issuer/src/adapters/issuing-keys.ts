// The issuing keys from the bucket CAL_KEYS, opened under the deployment's secret. What does not open or decode
// never takes the place of what did.

import type { KeyObject } from 'node:crypto';

import type { NatsConnection } from 'nats';
import { decode, type Body } from '@calbus/contracts/envelope';
import { issuingKeys } from '@calbus/contracts/issuing-keys';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { readLastValue } from '@calbus/runtime/last-value';
import { certificateFacts, keyPairFromPem } from '@calbus/licenses/certificates';
import { issuingKeyContext, decrypt } from '@calbus/licenses/encryption';

const READ_TIMEOUT_MS = 2_000;

export type SigningKey = {
  readonly kid: string;
  readonly key: KeyObject;
  /** The end of its certificate: nothing may be signed under it after that. */
  readonly notAfter: number;
  /** The license server its certificate names. */
  readonly licenseServerId: string;
};

export type IssuingKeySet = {
  readonly published: Body<typeof issuingKeys>;
  /** The keys that open, newest first. */
  readonly signing: readonly SigningKey[];
};

const decryptKey = (secret: string, kid: string, sealed: string): KeyObject | undefined => {
  const pem = decrypt(secret, issuingKeyContext(kid), sealed);
  try {
    return pem && keyPairFromPem(pem.toString()).privateKey;
  } catch {
    return undefined;
  }
};

/** The keys of a list. Those that do not open under the secret are left out of `signing`. */
export const openIssuingKeys = (published: Body<typeof issuingKeys>, secret: string): IssuingKeySet => {
  const signing = published.keys.flatMap(({ kid, sealed, chain, notAfter }): SigningKey[] => {
    const key = sealed === null ? undefined : decryptKey(secret, kid, sealed);
    const facts = certificateFacts(chain[0] ?? '');
    return key && facts ? [{ kid, key, notAfter, licenseServerId: facts.commonName }] : [];
  });
  return { published, signing };
};

/** The keys as they are published now; undefined if there are none or they do not decode. */
export const readIssuingKeys = async (
  nc: NatsConnection,
  secret: string,
): Promise<IssuingKeySet | undefined> => {
  const data = await readLastValue(nc, streams.keys.name, subjects.issuingKeys, READ_TIMEOUT_MS);
  const decoded = data && decode([issuingKeys], data);
  return decoded?.ok ? openIssuingKeys(decoded.message.body, secret) : undefined;
};
