// `calbus diagnose`.

import { diagnose, type Finding, type Severity } from '@calbus/operator-client/diagnosis/findings';
import { observe } from '@calbus/operator-client/diagnosis/observer';
import { plain } from '@calbus/operator-client/text';
import { JSON_OPTION, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { bold, green, json, red, say, yellow } from '../../print.ts';
import { withProgress } from '../../progress.ts';

const paint: Record<Severity, (text: string) => string> = { stops: red, warns: yellow, note: green };
const names: Record<Severity, string> = { stops: 'stops licenses', warns: 'warning', note: 'note' };
const WIDTH = 16;

const show = ({ severity, code, about, says, todo }: Finding): void => {
  say(`${paint[severity](names[severity].padEnd(WIDTH))}${bold(code)}: ${plain(about)}`);
  say(`${''.padEnd(WIDTH)}${plain(says)}`);
  say(`${'do'.padStart(WIDTH - 2)}  ${plain(todo)}`);
};

type Options = JsonOption & { readonly terminalServer?: string };

export const define: DefineCommand = (command, { profile }) => {
  command
    .option(...JSON_OPTION)
    .option(
      '--terminal-server <id>',
      "check also whether this terminal server of the profile's is given licenses",
    )
    .addHelpText('after', '\nExit code 1 where something stops licenses.')
    .action(async (o: Options) => {
      const loaded = await profile();
      const observation = await withProgress('Looking', (report) =>
        observe(loaded, o.terminalServer, report),
      );
      const findings = diagnose(observation);
      const stops = findings.some((f) => f.severity === 'stops');
      if (stops) process.exitCode = 1;
      if (o.json) return json({ stops, findings });
      for (const f of findings) show(f);
    });
};
