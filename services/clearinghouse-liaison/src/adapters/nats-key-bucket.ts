// The one value of the bucket CAL_KEYS, by plain publish and direct get: the liaison may do nothing else with it.

import type { NatsConnection } from 'nats';
import { decode, encode } from '@calbus/contracts/envelope';
import { issuingKeys } from '@calbus/contracts/issuing-keys';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import type { Clock } from '@calbus/runtime/clock';
import { newId } from '@calbus/runtime/ids';
import { readLastValue } from '@calbus/runtime/last-value';
import type { KeyBucket } from '../ports.ts';

const TIMEOUT_MS = 3_000;

export const natsKeyBucket = (nc: NatsConnection, clock: Clock): KeyBucket => {
  const js = nc.jetstream({ timeout: TIMEOUT_MS });
  return {
    read: async () => {
      const data = await readLastValue(nc, streams.keys.name, subjects.issuingKeys, TIMEOUT_MS);
      const decoded = data ? decode([issuingKeys], data) : undefined;
      return decoded?.ok ? decoded.message.body : undefined;
    },
    write: async (keys) => {
      await js.publish(subjects.issuingKeys, encode(issuingKeys, { id: newId(), sentAt: clock.now() }, keys));
    },
  };
};
