// `calbus request`: one request of a terminal server, or one report of a log-on, and the decision.

import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { faultOf } from '@calbus/contracts/faults';
import { licensingMode } from '@calbus/contracts/tokens';
import { productVersion } from '@calbus/contracts/versions';
import { Problem } from '@calbus/operator-client/problem';
import type { Profile } from '@calbus/operator-client/profile';
import { rowDescriptions } from '@calbus/operator-client/row-descriptions';
import { connectTerminalServer } from '@calbus/operator-client/terminal-server-connection';
import { describeDecision, grouped, plain } from '@calbus/operator-client/text';
import type { Decision, TerminalServer } from '@calbus/terminal-server/client';
import type { DefineCommand } from '../../command-context.ts';
import { green, json, labelled, red, say } from '../../print.ts';
import { addClientOptions, licenseRequest, type ClientOptions } from './client-options.ts';

type RequestOptions = ClientOptions & {
  readonly presented?: string;
  readonly validated?: string;
  readonly mode?: string;
  readonly requestId?: string;
};

const line = labelled(9);

const show = (d: Decision): void => {
  const { outcome, position } = d;
  const paint = outcome.kind === 'refused' ? red : green;
  say(paint(describeDecision(d)));
  line('row', `${d.row}: ${rowDescriptions[d.row] ?? ''}`);
  if (outcome.kind === 'license') {
    line('license', `${outcome.licenseId} for CALs of version ${outcome.version}`);
    if (outcome.keyPackId !== null) line('key pack', grouped(outcome.keyPackId));
  }
  if (outcome.kind === 'refused') say(plain(outcome.says));
  line('ledger', `${position.sequence} of generation ${position.generation}`);
};

const decide = async (server: TerminalServer, o: RequestOptions): Promise<Decision> => {
  try {
    if (o.validated !== undefined) return await server.validated(o.validated, o.hardwareId);
    return await server.request({
      ...licenseRequest(o),
      ...(o.presented === undefined ? {} : { presented: readFileSync(o.presented, 'utf8').trim() }),
      ...(o.requestId === undefined ? {} : { requestId: o.requestId }),
    });
  } catch (error) {
    const fault = faultOf(error);
    if (!fault) throw error;
    throw new Problem(
      fault.code,
      `${fault.detail} (${fault.code}) calbus status shows which part does not answer.`,
    );
  }
};

const request = async (profile: Profile, o: RequestOptions): Promise<void> => {
  const server = await connectTerminalServer(profile, o.terminalServer, {
    ...(o.mode === undefined ? {} : { mode: licensingMode.parse(o.mode) }),
    ...(o.productVersion === undefined ? {} : { version: productVersion.parse(o.productVersion) }),
  });
  try {
    const decision = await decide(server, o);
    if (o.json) json(decision);
    else show(decision);
  } finally {
    await server.close();
  }
};

export const define: DefineCommand = (command, { profile }) => {
  addClientOptions(command)
    .option('--presented <file>', 'a file with the license that the client presents')
    .option('--validated <licenseId>', 'report a log-on from the device with this temporary license')
    .option('--request-id <id>', 'ask again under the same id')
    .addOption(
      new Option('--mode <mode>', "instead of the profile's licensing mode").choices(licensingMode.options),
    )
    .action(async (o: RequestOptions) => request(await profile(), o));
};
