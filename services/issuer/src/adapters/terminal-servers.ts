// Decisions go to the subject computed from the terminal server's id and the request id, and nowhere else.

import type { NatsConnection } from 'nats';
import { encode } from '@calbus/contracts/envelope';
import { subjects } from '@calbus/contracts/subjects';
import { licenseDecision, licenseDecisions, licenseFault } from '@calbus/contracts/terminal-server-messages';
import type { Clock } from '@calbus/runtime/clock';
import { newId } from '@calbus/runtime/ids';
import type { TerminalServers } from '../ports.ts';

export const natsTerminalServers = (nc: NatsConnection, clock: Clock): TerminalServers => ({
  publishDecisions: (decisions, { id: causationId, together }, signedTogether) => {
    const [first] = decisions;
    if (!first) return;
    const { terminalServerId } = first;
    const stamp = { id: newId(), sentAt: clock.now(), causationId };
    if (together) {
      const bytes = encode(
        licenseDecisions,
        { ...stamp, correlationId: causationId },
        { decisions: [...decisions], ...(signedTogether === undefined ? {} : { signedTogether }) },
      );
      nc.publish(subjects.decision.of(terminalServerId, causationId), bytes);
      return;
    }
    for (const d of decisions) {
      const { requestId } = d;
      const bytes = encode(licenseDecision, { ...stamp, correlationId: requestId }, d);
      nc.publish(subjects.decision.of(terminalServerId, requestId), bytes);
    }
  },
  publishFault: (f) => {
    const stamp = { id: newId(), sentAt: clock.now(), correlationId: f.requestId };
    nc.publish(subjects.decision.of(f.terminalServerId, f.requestId), encode(licenseFault, stamp, f));
  },
});
