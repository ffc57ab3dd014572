// The metrics of a session gateway.

import { refusalCodes } from '@calbus/contracts/refusals';
import { terminalServerRows } from '@calbus/contracts/rows';
import { SECONDS, type Metrics } from '@calbus/runtime/metrics';
import { hangUpReasons, type GatewayMetrics } from '../ports.ts';

export const createGatewayMetrics = (metrics: Metrics): GatewayMetrics => {
  const letIn = metrics.countBy(
    'calbus_rdp_let_in_total',
    'RDP clients that were let in, by the row that decided.',
    'row',
    terminalServerRows,
  );
  const refused = metrics.countBy(
    'calbus_rdp_refused_total',
    'RDP clients that were refused for lack of a license, by code.',
    'code',
    refusalCodes,
  );
  const seconds = metrics.spread(
    'calbus_rdp_decision_seconds',
    'From the connection of an RDP client to the decision on its license, in seconds.',
    SECONDS,
  );
  const hungUp = metrics.countBy(
    'calbus_rdp_hung_up_total',
    'Connections that did not become an RDP session, by reason.',
    'reason',
    hangUpReasons,
  );
  return {
    decided: (admitted, ms) => {
      seconds(ms / 1_000);
      if (admitted.admit) letIn(admitted.row);
      else refused(admitted.code);
    },
    hungUp,
  };
};

/** Values that are read when the metrics are. */
export type GatewayGauges = { readonly sessions: () => number; readonly handshakes: () => number };

export const registerGauges = (metrics: Metrics, { sessions, handshakes }: GatewayGauges): void => {
  metrics.value('calbus_rdp_sessions', 'RDP sessions that are being relayed.', sessions);
  metrics.value(
    'calbus_rdp_handshakes',
    'Connections between their first byte and their session, or its refusal.',
    handshakes,
  );
};
