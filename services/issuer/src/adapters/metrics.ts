// What an issuer counts.

import { requestsConsumer } from '@calbus/contracts/streams';
import { refusalCodes } from '@calbus/contracts/refusals';
import { rows } from '@calbus/contracts/rows';
import { subjects } from '@calbus/contracts/subjects';
import type { Endpoints } from '@calbus/runtime/endpoints';
import { SECONDS, SIZES, type Metrics } from '@calbus/runtime/metrics';
import type { RequestMetrics } from '../ports.ts';

export const issuerMetrics = (metrics: Metrics, endpoints: Endpoints): RequestMetrics => {
  const batch = metrics.spread(
    'calbus_request_batch_size',
    'Requests that were taken from the queue at once.',
    SIZES,
  );
  const taken = metrics.countBy(
    'calbus_license_requests_total',
    'Requests of terminal servers that were taken from the queue, redelivered ones each time, by kind.',
    'kind',
    ['request', 'validated', 'relearn', 'stands'],
  );
  const late = metrics.count(
    'calbus_requests_late_total',
    'Requests that came after their own deadline: nobody waits for their answer.',
  );
  const again = metrics.count(
    'calbus_requests_again_total',
    'Times a request was put back into the queue, since it could not be answered yet.',
  );
  const row = metrics.countBy(
    'calbus_decisions_total',
    'Decisions that were sent, by rule row.',
    'row',
    rows,
  );
  const refused = metrics.countBy(
    'calbus_refusals_total',
    'Decisions that refuse, by code.',
    'code',
    refusalCodes,
  );
  const granted = metrics.countBy(
    'calbus_licenses_granted_total',
    'Licenses that were signed and sent, the same one again included, by kind.',
    'kind',
    ['temporary', 'full'],
  );
  const seconds = metrics.spread(
    'calbus_request_seconds',
    'From the queueing of a request to its decision, in seconds.',
    SECONDS,
  );
  const queue = endpoints.open(subjects.license.all, requestsConsumer.name);
  return {
    batchSize: batch,
    received: taken,
    expired: late,
    retried: again,
    decided: ({ row: by, outcome }, ms) => {
      row(by);
      seconds(ms / 1_000);
      if (outcome.kind === 'refused') refused(outcome.code);
      if (outcome.kind === 'license') granted(outcome.licenseKind);
      queue.done(ms);
    },
  };
};
