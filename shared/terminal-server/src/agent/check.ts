// PAM runs this at each log-on: it asks the agent whether to admit the user. It imports nothing that is slow to load, its time is bounded,
// and every failure refuses the user.

import { connect } from 'node:net';

export type CheckResult = { readonly admit: boolean; readonly says: string };

/** The variables that PAM sets, by their names in pam_exec(8). */
export type PamEnvironment = Readonly<Record<string, string | undefined>>;

/** The whole check takes less than 4 s, including the start of the process. */
const DEADLINE_MS = 3_700;
const MAX_ANSWER_BYTES = 262_144;

/** Sends one line to the agent and resolves with the agent's line. Rejects with the reason in a few words. */
export const askAgent = (socket: string, line: string, withinMs = DEADLINE_MS): Promise<string> =>
  new Promise((resolve, reject) => {
    const connection = connect(socket);
    const timer = setTimeout(() => {
      connection.destroy();
      reject(new Error('it did not answer in time'));
    }, withinMs);
    let text = '';
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      connection.destroy();
      settle();
    };
    connection.setEncoding('utf8');
    connection.on('connect', () => connection.write(`${line}\n`));
    connection.on('data', (chunk: string) => {
      text += chunk;
      const at = text.indexOf('\n');
      if (at !== -1) end(() => resolve(text.slice(0, at)));
      else if (text.length > MAX_ANSWER_BYTES) end(() => reject(new Error('its answer is too long')));
    });
    connection.on('error', (error: NodeJS.ErrnoException) =>
      end(() => reject(new Error(error.code ?? 'error'))),
    );
    connection.on('end', () => end(() => reject(new Error('it ended before it answered'))));
  });

const text = (value: unknown, member: string): string | undefined => {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, member) : undefined;
  return typeof found === 'string' ? found : undefined;
};

/** Reads the agent's answer. Total: any line gives a result. */
export const readAnswer = (user: string, line: string): CheckResult => {
  let answer: unknown;
  try {
    answer = JSON.parse(line);
  } catch {
    return { admit: false, says: `${user} is refused: the license agent's answer is not JSON.` };
  }
  if (typeof answer !== 'object' || answer === null || !('ok' in answer) || answer.ok !== true)
    return {
      admit: false,
      says: `${user} is refused: ${text(answer, 'says') ?? 'the license agent failed.'}`,
    };
  const row = text(answer, 'row') ?? '?';
  if ('admit' in answer && answer.admit === true) {
    const left = 'graceDaysLeft' in answer ? answer.graceDaysLeft : null;
    const grace = typeof left === 'number' ? `, in the grace period with ${left} days left` : '';
    return { admit: true, says: `${user} is let in (${row}${grace}).` };
  }
  const refusal = 'refusal' in answer ? answer.refusal : null;
  const code = text(refusal, 'code') ?? 'REFUSED';
  return { admit: false, says: `${user} is refused (${row}, ${code}): ${text(refusal, 'says') ?? ''}` };
};

export const checkUser = async (env: PamEnvironment, socket: string): Promise<CheckResult> => {
  const { PAM_USER: user, PAM_TYPE: type } = env;
  // PAM opens a session only after the account step admitted the user.
  if (type === 'open_session' || type === 'close_session') return { admit: true, says: '' };
  // At "auth" the user is not authenticated yet.
  if (type !== 'account')
    return {
      admit: false,
      says: 'Refused: PAM is to run this by pam_exec.so as account, and as nothing else.',
    };
  if (user === undefined || user === '') return { admit: false, says: 'Refused: PAM named no user.' };
  const line = JSON.stringify({ do: 'admit', user: { name: user, authenticatedBy: 'pam' } });
  const left = DEADLINE_MS - performance.now();
  try {
    return readAnswer(user, await askAgent(socket, line, left));
  } catch (error) {
    const why = error instanceof Error ? error.message : 'error';
    return {
      admit: false,
      says: `${user} is refused: the license agent does not answer at ${socket} (${why}).`,
    };
  }
};

/** One line without control characters, because the text ends in logs. */
export const oneLine = (says: string): string =>
  // oxlint-disable-next-line no-control-regex -- removing control characters is the purpose
  says.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 500);
