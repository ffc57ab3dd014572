// Decisions go to the subject computed from the terminal server's id and the request id, and nowhere else.

import type { NatsConnection } from 'nats';
import { encode } from '@calbus/contracts/envelope';
import { subjects } from '@calbus/contracts/subjects';
import { licenseDecision, licenseFault } from '@calbus/contracts/terminal-server-messages';
import type { Clock } from '@calbus/runtime/clock';
import { newId } from '@calbus/runtime/ids';
import type { TerminalServers } from '../ports.ts';

export const natsTerminalServers = (nc: NatsConnection, clock: Clock): TerminalServers => ({
  decide: (decision, causationId) => {
    const stamp = { id: newId(), sentAt: clock.now(), correlationId: decision.requestId, causationId };
    const subject = subjects.decision.of(decision.terminalServerId, decision.requestId);
    nc.publish(subject, encode(licenseDecision, stamp, decision));
  },
  fault: (f) => {
    const stamp = { id: newId(), sentAt: clock.now(), correlationId: f.requestId };
    nc.publish(subjects.decision.of(f.terminalServerId, f.requestId), encode(licenseFault, stamp, f));
  },
});
