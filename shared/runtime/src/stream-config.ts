// What a stream of the plan is in JetStream's own terms, and what may become of one that is there already:
// it is only ever made stricter, since what an operator has tightened, and what protects the ledger, must outlive a re-run.

import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
  type StreamUpdateConfig,
} from 'nats';
import type { StreamPlan } from '@calbus/contracts/streams';

/** JetStream writes "no limit" as -1, and for ages as 0. */
const limit = (value: number | undefined): number => value ?? -1;

export const streamConfig = (
  plan: StreamPlan,
  replicas: number,
): Partial<StreamConfig> & { name: string } => ({
  name: plan.name,
  description: plan.about,
  subjects: [...plan.subjects],
  retention: plan.retention === 'workqueue' ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
  storage: plan.storage === 'memory' ? StorageType.Memory : StorageType.File,
  discard: plan.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old,
  max_age: plan.maxAgeNs ?? 0,
  max_msgs: limit(plan.maxMessages),
  max_msgs_per_subject: limit(plan.maxMessagesPerSubject),
  max_bytes: limit(plan.maxBytes),
  max_msg_size: limit(plan.maxMessageBytes),
  allow_direct: plan.allowDirect,
  allow_rollup_hdrs: plan.allowRollup ?? false,
  deny_delete: plan.denyDelete,
  deny_purge: plan.denyPurge,
  compression: plan.compressed ? StoreCompression.S2 : StoreCompression.None,
  num_replicas: replicas,
});

/** Never a limit on deliveries: a message that has used them up stays and blocks a full work queue. */
export const consumerLimits = (plan: { readonly ackWaitNs: number; readonly maxAckPending: number }) =>
  ({ ack_wait: plan.ackWaitNs, max_ack_pending: plan.maxAckPending, max_deliver: -1 }) as const;

const limits = ['max_age', 'max_msgs', 'max_msgs_per_subject', 'max_bytes', 'max_msg_size'] as const;

const stricter = (a: number, b: number): number => {
  if (a <= 0) return b;
  if (b <= 0) return a;
  return Math.min(a, b);
};

const sameSubjects = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  (a ?? []).toSorted().join(' ') === (b ?? []).toSorted().join(' ');

export type StreamChange =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'update';
      readonly fields: readonly string[];
      readonly config: Partial<StreamUpdateConfig>;
    }
  /** Nothing but an operator can mend this; `says` is a sentence. */
  | { readonly kind: 'impossible'; readonly says: string };

/** How the stream `existing` becomes as strict as `plan`; where it is stricter already, it stays so. */
export const planStreamChange = (
  existing: StreamConfig,
  plan: StreamPlan,
  replicas: number,
): StreamChange => {
  const wanted = streamConfig(plan, replicas);
  const foreign = [
    ...(existing.retention === wanted.retention ? [] : [`retention ${existing.retention}`]),
    ...(existing.storage === wanted.storage ? [] : [`storage ${existing.storage}`]),
    ...(sameSubjects(existing.subjects, wanted.subjects) ? [] : [`subjects ${existing.subjects.join(', ')}`]),
    ...(existing.mirror || existing.sources?.length ? ['a source of its own'] : []),
    ...(existing.republish ? ['a republish rule'] : []),
  ];
  if (foreign.length > 0) {
    const says = `The stream ${plan.name} exists with ${foreign.join(' and ')}, which is not calbus's; remove or rename it, then run this again.`;
    return { kind: 'impossible', says };
  }
  const target: Partial<StreamUpdateConfig> = {
    description: plan.about,
    discard:
      existing.discard === DiscardPolicy.New ? DiscardPolicy.New : (wanted.discard ?? DiscardPolicy.New),
    allow_direct: plan.allowDirect,
    allow_rollup_hdrs: existing.allow_rollup_hdrs && (plan.allowRollup ?? false),
    deny_delete: existing.deny_delete || plan.denyDelete,
    deny_purge: existing.deny_purge || plan.denyPurge,
    compression: wanted.compression ?? StoreCompression.None,
    num_replicas: Math.max(existing.num_replicas, replicas),
    ...Object.fromEntries(limits.map((l) => [l, stricter(existing[l], wanted[l] ?? -1)])),
  };
  const fields = Object.entries(target)
    .filter(([field, value]) => {
      const before: unknown = existing[field as keyof StreamConfig];
      // Where there is no limit the server says 0 or -1, by field and version.
      if (typeof value === 'number' && value <= 0) return typeof before === 'number' && before > 0;
      return value !== (before ?? (typeof value === 'boolean' ? false : before));
    })
    .map(([field]) => field);
  return fields.length === 0 ? { kind: 'none' } : { kind: 'update', fields, config: target };
};
