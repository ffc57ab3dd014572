// Creates the streams and the consumer that the services use, and brings existing ones up to date. Run once at
// every start of a deployment; what is there already stays.

import {
  AckPolicy,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type JetStreamManager,
  type NatsConnection,
  type StreamConfig,
} from 'nats';
import { requestsConsumer, streams, type Account, type StreamPlan } from '@calbus/contracts/streams';

const configOf = (plan: StreamPlan, replicas: number): Partial<StreamConfig> & { name: string } => ({
  name: plan.name,
  description: plan.about,
  subjects: [...plan.subjects],
  retention: plan.retention === 'workqueue' ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
  storage: plan.storage === 'file' ? StorageType.File : StorageType.Memory,
  discard: plan.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old,
  max_age: plan.maxAgeNs ?? 0,
  max_msgs: plan.maxMessages ?? -1,
  max_msgs_per_subject: plan.maxMessagesPerSubject ?? -1,
  max_bytes: plan.maxBytes ?? -1,
  max_msg_size: plan.maxMessageBytes ?? -1,
  allow_direct: plan.allowDirect,
  allow_rollup_hdrs: plan.allowRollup ?? false,
  deny_delete: plan.denyDelete,
  deny_purge: plan.denyPurge,
  compression: plan.compressed ? StoreCompression.S2 : StoreCompression.None,
  // Deduplication by message id would swallow the retry of a request whose answer was lost; nothing here sets one.
  duplicate_window: 100_000_000,
  num_replicas: replicas,
});

const exists = async (what: Promise<unknown>): Promise<boolean> => {
  try {
    await what;
    return true;
  } catch (error) {
    const code = (error as { api_error?: { code?: number } }).api_error?.code;
    if (code === 404) return false;
    throw error;
  }
};

const ensureStream = async (jsm: JetStreamManager, plan: StreamPlan, replicas: number): Promise<void> => {
  const config = configOf(plan, replicas);
  if (await exists(jsm.streams.info(plan.name))) await jsm.streams.update(plan.name, config);
  else await jsm.streams.add(config);
};

/** `say` is told a line for each stream. `nc` is a connection of the account's provisioner. */
export const provision = async (
  nc: NatsConnection,
  account: Account,
  replicas: number,
  say: (line: string) => void,
): Promise<void> => {
  const jsm = await nc.jetstreamManager({ checkAPI: false });
  for (const plan of Object.values<StreamPlan>(streams)) {
    if (plan.account !== account) continue;
    await ensureStream(jsm, plan, replicas);
    say(`stream ${plan.name}: ${plan.about}`);
  }
  if (account !== 'CAL') return;
  const { stream, name, ackWaitNs, maxAckPending } = requestsConsumer;
  if (await exists(jsm.consumers.info(stream, name))) return;
  await jsm.consumers.add(stream, {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ackWaitNs,
    max_ack_pending: maxAckPending,
    max_deliver: -1,
  });
  say(`consumer ${name}: shared by every issuer`);
};
