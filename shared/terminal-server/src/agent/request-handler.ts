// Answers one line of a hook. It answers every line and never rejects.

import { faultOf, type Admission, type TerminalServer } from '../client.ts';
import type { AgentConfig } from './config.ts';
import { parseRequest, type AgentRequest } from './domain/protocol.ts';
import { userOf } from './domain/user-name.ts';

type Answer = Readonly<Record<string, unknown>>;

/** Per User licensing ignores the device. N3 defines the hardware id that means "no device". */
const NO_DEVICE = { hardwareId: '0'.repeat(40), name: 'unknown' } as const;

const failed = (code: string, says: string): Answer => ({ ok: false, code, says });

const admitted = (a: Admission): Answer => ({
  ok: true,
  admit: a.admit,
  row: a.row,
  license: a.license,
  refusal: a.refusal,
  graceDaysLeft: a.graceDaysLeft,
  notCounted: a.notCounted,
  fault: a.fault,
  outcome: a.decision?.outcome ?? null,
});

const admit = async (
  ts: TerminalServer,
  config: AgentConfig,
  r: Extract<AgentRequest, { do: 'admit' }>,
): Promise<Answer> => {
  if (!r.device && config.mode === 'per-device')
    return failed(
      'NO_DEVICE_IDENTITY',
      'This terminal server licenses devices, but the request names no device: put the session gateway in front of it, or license users.',
    );
  if (!r.user && config.mode === 'per-user')
    return failed('NOT_AUTHENTICATED', 'This terminal server licenses users: say which user asks.');
  const named = r.user && userOf(r.user, config.userDomain);
  if (r.user && !named) return failed('INVALID', 'The user name is empty.');
  return admitted(
    await ts.admit({
      device: r.device ?? NO_DEVICE,
      ...(named ? { user: named } : {}),
      ...(r.presented === undefined ? {} : { presented: r.presented }),
    }),
  );
};

const answerTo = async (ts: TerminalServer, config: AgentConfig, r: AgentRequest): Promise<Answer> => {
  switch (r.do) {
    case 'admit':
      return admit(ts, config, r);
    case 'validated': {
      const { outcome, row } = await ts.validated(r.licenseId, r.hardwareId);
      return { ok: true, row, outcome };
    }
    case 'status':
      return { ok: true, terminalServerId: config.terminalServerId, mode: config.mode, ...ts.status() };
  }
};

export const createRequestHandler =
  (ts: TerminalServer, config: AgentConfig) =>
  async (line: string): Promise<string> => {
    const parsed = parseRequest(line);
    if (!parsed.ok) return JSON.stringify(failed('INVALID', parsed.says));
    const { id } = parsed.request;
    const answer = await answerTo(ts, config, parsed.request).catch((error: unknown) => {
      const why = faultOf(error);
      if (why) return failed(why.code, why.detail);
      return failed(
        'HANDLER_FAILED',
        error instanceof Error ? error.message : 'The agent failed on this line.',
      );
    });
    return JSON.stringify(id === undefined ? answer : { id, ...answer });
  };
