// The options of `request` and `admit` that describe the client, and the version of the terminal server.

import { Option, type Command } from 'commander';
import { productVersions } from '@calbus/contracts/versions';
import type { LicenseRequest } from '@calbus/terminal-server/client';
import { hardwareId, JSON_OPTION, type JsonOption } from '../../arguments.ts';

export type ClientOptions = JsonOption & {
  readonly terminalServer: string;
  readonly hardwareId: string;
  readonly deviceName: string;
  readonly user?: string;
  readonly domain?: string;
  readonly authenticatedBy?: string;
  readonly productVersion?: string;
};

export const addClientOptions = (command: Command): Command =>
  command
    .option(...JSON_OPTION)
    .requiredOption('--terminal-server <id>', "which of the profile's terminal servers to be")
    .requiredOption('--hardware-id <hex>', '40 hex digits', hardwareId)
    .option('--device-name <name>', 'the name of the device', 'unnamed')
    .option('--user <name>', 'the user who logs on')
    .option('--domain <name>', "the user's domain")
    .option('--authenticated-by <method>', 'the authentication of the user, such as pam')
    .addOption(
      new Option('--product-version <version>', "instead of the profile's version").choices(productVersions),
    );

export const licenseRequest = (o: ClientOptions): LicenseRequest => ({
  device: { hardwareId: o.hardwareId, name: o.deviceName },
  ...(o.user === undefined
    ? {}
    : {
        user: {
          name: o.user,
          ...(o.domain === undefined ? {} : { domain: o.domain }),
          ...(o.authenticatedBy === undefined ? {} : { authenticatedBy: o.authenticatedBy }),
        },
      }),
});
