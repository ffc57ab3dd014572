// Acting as a terminal server: one request, or one report of a log-on, and the decision in words.

import { readFileSync } from 'node:fs';
import { faultOf } from '@calbus/contracts/faults';
import {
  connect,
  type Decision,
  type LicenseRequest,
  type TerminalServer,
} from '@calbus/terminal-server/client';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';
import { Problem } from './problem.ts';
import {
  natsEndpoint,
  readSecret,
  terminalServerSeedFile,
  terminalServerEntry,
  type Profile,
} from './profile.ts';
import { bold, day, green, grouped, json, plain, red, say } from '@calbus/cli/print';
import { rowDescriptions } from './row-descriptions.ts';

export type TerminalServerOptions = {
  readonly mode?: LicensingMode;
  readonly version?: ProductVersion;
  readonly requestTimeoutMs?: number;
};

export const connectTerminalServer = async (
  profile: Profile,
  id: string,
  acting: TerminalServerOptions = {},
): Promise<TerminalServer> => {
  const known = terminalServerEntry(profile, id);
  const mode = acting.mode ?? known.mode;
  if (mode === undefined)
    throw new Problem(
      'MODE_NOT_CONFIGURED',
      `The profile gives terminal server "${id}" no licensing mode: write it there, or say --mode.`,
    );
  const server = await connect({
    ...natsEndpoint(profile),
    seed: readSecret(terminalServerSeedFile(profile, id)),
    terminalServerId: id,
    mode,
    version: acting.version ?? known.version,
    roots: [readFileSync(profile.clearinghouseRootFile, 'utf8')],
    ...(acting.requestTimeoutMs === undefined ? {} : { waitsMs: acting.requestTimeoutMs }),
  });
  if (server.status().link.kind === 'connected') return server;
  await server.close();
  throw new Problem(
    'UNREACHABLE',
    `NATS does not answer at ${profile.natsUrl}: is calbus running? \`npm start\` starts it.`,
  );
};

/** One line that says what was decided. */
export const describeDecision = ({ outcome: o }: Decision): string => {
  switch (o.kind) {
    case 'license':
      return `${o.licenseKind} license until ${day(o.notAfter)}`;
    case 'per-user':
      return `granted to ${o.userKey}${o.notAfter === null ? '' : `, recorded until ${day(o.notAfter)}`}`;
    case 'validated':
      return 'marked validated';
    case 'noted':
      return 'noted';
    case 'refused':
      return `refused: ${o.code}`;
  }
};

const show = (d: Decision): void => {
  const good = d.outcome.kind !== 'refused';
  say(good ? green(describeDecision(d)) : red(describeDecision(d)));
  say(`${bold('row')}       ${d.row}: ${rowDescriptions[d.row] ?? ''}`);
  if (d.outcome.kind === 'license') {
    say(`${bold('license')}   ${d.outcome.licenseId} for CALs of version ${d.outcome.version}`);
    if (d.outcome.keyPackId !== null) say(`${bold('key pack')}  ${grouped(d.outcome.keyPackId)}`);
  }
  if (d.outcome.kind === 'refused') say(plain(d.outcome.says));
  say(`${bold('ledger')}    ${d.position.sequence} of generation ${d.position.generation}`);
};

const asked = async (what: Promise<Decision>): Promise<Decision> => {
  try {
    return await what;
  } catch (error) {
    const fault = faultOf(error);
    throw fault
      ? new Problem(
          fault.code,
          `${fault.detail} (${fault.code}) calbus status shows which part does not answer.`,
        )
      : error;
  }
};

export const request = async (
  server: TerminalServer,
  ask: LicenseRequest,
  asJson: boolean,
): Promise<void> => {
  const decision = await asked(server.request(ask));
  if (asJson) json(decision);
  else show(decision);
};

export const report = async (
  server: TerminalServer,
  licenseId: string,
  hardwareId: string,
  asJson: boolean,
): Promise<void> => {
  const decision = await asked(server.validated(licenseId, hardwareId));
  if (asJson) json(decision);
  else show(decision);
};
