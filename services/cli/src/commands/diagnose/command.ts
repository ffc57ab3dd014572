// calbus diagnose: what is wrong, and what to do about it.

import type { Profile } from '@calbus/operator-client/profile';
import { bold, green, json, plain, red, say, yellow } from '../../print.ts';
import { diagnose, type Finding, type Severity } from '@calbus/operator-client/diagnosis/findings';
import { observe } from '@calbus/operator-client/diagnosis/observer';

const paint: Record<Severity, (text: string) => string> = { stops: red, warns: yellow, note: green };
const names: Record<Severity, string> = { stops: 'stops licenses', warns: 'warning', note: 'note' };
const WIDTH = 16;

const show = ({ severity, code, about, says, todo }: Finding): void => {
  say(`${paint[severity](names[severity].padEnd(WIDTH))}${bold(code)}: ${plain(about)}`);
  say(`${''.padEnd(WIDTH)}${plain(says)}`);
  say(`${'do'.padStart(WIDTH - 2)}  ${plain(todo)}`);
};

/** Exit code 1 where something stops licenses. */
export const runDiagnose = async (
  profile: Profile,
  terminalServerId: string | undefined,
  asJson: boolean,
): Promise<void> => {
  const findings = diagnose(await observe(profile, terminalServerId));
  const stops = findings.some((f) => f.severity === 'stops');
  if (stops) process.exitCode = 1;
  if (asJson) return json({ stops, findings });
  for (const f of findings) show(f);
};
