// The issuing keys from the bucket CAL_KEYS, opened under the deployment's secret. What does not open or decode
// never takes the place of what did.

import type { KeyObject } from 'node:crypto';

import type { NatsConnection } from 'nats';
import { decode, type Body } from '@calbus/contracts/envelope';
import { issuingKeys } from '@calbus/contracts/liaison-messages';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { readLastValue } from '@calbus/runtime/last-value';
import { certificateFacts, keyPairFromPem } from '@calbus/licenses/certificates';
import { issuingKeyContext, decrypt } from '@calbus/licenses/encryption';

const TIMEOUT_MS = 2_000;

export type SigningKey = {
  readonly kid: string;
  readonly key: KeyObject;
  /** The end of its certificate: nothing may be signed under it after that. */
  readonly notAfter: number;
  /** The license server its certificate names. */
  readonly licenseServerId: string;
};

export type OpenedKeys = {
  readonly published: Body<typeof issuingKeys>;
  /** The keys that open, newest first. */
  readonly signing: readonly SigningKey[];
};

const openKey = (secret: string, kid: string, sealed: string): KeyObject | undefined => {
  const pem = decrypt(secret, issuingKeyContext(kid), sealed);
  try {
    return pem && keyPairFromPem(pem.toString()).privateKey;
  } catch {
    return undefined;
  }
};

/** The keys as they are published now; undefined where there are none or they do not decode. */
export const readKeys = async (nc: NatsConnection, secret: string): Promise<OpenedKeys | undefined> => {
  const data = await readLastValue(nc, streams.keys.name, subjects.issuingKeys, TIMEOUT_MS);
  if (!data) return undefined;
  const decoded = decode([issuingKeys], data);
  if (!decoded.ok) return undefined;
  const published = decoded.message.body;
  const signing = published.keys.flatMap(({ kid, sealed, chain, notAfter }): SigningKey[] => {
    const key = sealed === null ? undefined : openKey(secret, kid, sealed);
    const facts = certificateFacts(chain[0] ?? '');
    return key && facts ? [{ kid, key, notAfter, licenseServerId: facts.commonName }] : [];
  });
  return { published, signing };
};
