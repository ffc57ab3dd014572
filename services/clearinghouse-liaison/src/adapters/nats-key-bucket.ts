// The one value of the bucket CAL_KEYS, by plain publish and direct get: the liaison may do nothing else with it.

import { headers, type NatsConnection } from 'nats';
import { decode, encode } from '@calbus/contracts/envelope';
import { ISSUING_KEYS, issuingKeys } from '@calbus/contracts/liaison-messages';
import { streams } from '@calbus/contracts/streams';
import type { Clock } from '@calbus/runtime/clock';
import { newId } from '@calbus/runtime/ids';
import type { KeyBucket } from '../ports.ts';

const SUBJECT = `$KV.CAL_KEYS.${ISSUING_KEYS}`;
const GET = `$JS.API.DIRECT.GET.${streams.keys.name}.${SUBJECT}`;
const TIMEOUT_MS = 3_000;

export const natsKeyBucket = (nc: NatsConnection, clock: Clock): KeyBucket => {
  const js = nc.jetstream({ timeout: TIMEOUT_MS });
  return {
    read: async () => {
      const answer = await nc.request(GET, undefined, { timeout: TIMEOUT_MS, headers: headers() });
      // A stored value comes with its sequence; a status (404: nothing there yet) comes without.
      if (!answer.headers?.has('Nats-Sequence')) return undefined;
      const decoded = decode([issuingKeys], answer.data);
      return decoded.ok ? decoded.message.body : undefined;
    },
    write: async (keys) => {
      await js.publish(SUBJECT, encode(issuingKeys, { id: newId(), sentAt: clock.now() }, keys));
    },
  };
};
