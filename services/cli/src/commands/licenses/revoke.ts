// `calbus revoke`: ends a full Per Device license early (row R1).

import type { HeldLicense } from '@calbus/contracts/inventory-query-messages';
import type { OperatorClient } from '@calbus/operator-client/client';
import { operatorName } from '@calbus/operator-client/ids';
import { revokeLicense } from '@calbus/operator-client/inventory-commands';
import { readLicenses } from '@calbus/operator-client/queries';
import { day, describeKind, grouped, plain } from '@calbus/operator-client/text';
import { JSON_OPTION, licenseId, WHY_OPTION, type JsonOption } from '../../arguments.ts';
import type { DefineCommand } from '../../command-context.ts';
import { dim, json, say } from '../../print.ts';

/** An older replica ignores the filter on the id, and answers with other licenses. */
const findLicense = async (operator: OperatorClient, id: string): Promise<HeldLicense | undefined> => {
  const { licenses } = await readLicenses(operator, { license: id, limit: 1 });
  return licenses.find((l) => l.licenseId === id);
};

const show = (id: string, license: HeldLicense | undefined): void => {
  if (!license) return say(`License ${id} is revoked; its CAL is free at once.`);
  const { deviceName, hardwareId, version, keyPackId, notAfter } = license;
  say(`${plain(deviceName)} (${hardwareId}) has lost its ${describeKind(license)} license for ${version}.`);
  say(`Its CAL${keyPackId === null ? '' : ` of key pack ${grouped(keyPackId)}`} is free at once.`);
  say(
    dim(
      `It counts among the revoked licenses until its end, ${day(notAfter)}. Connected terminal servers refuse it within a second, others when they connect again.`,
    ),
  );
};

export const define: DefineCommand = (command, { withOperator }) => {
  command
    .option(...JSON_OPTION)
    .argument('<licenseId>', 'the license, as calbus licenses shows it', licenseId)
    .option(...WHY_OPTION)
    .addHelpText('after', '\nAn id that begins with a dash goes after two more: calbus revoke -- -x7…')
    .action((id: string, o: JsonOption & { readonly why: string }) =>
      withOperator(async (operator) => {
        const license = await findLicense(operator, id);
        const { position } = await revokeLicense(operator, id, { by: operatorName(), why: o.why });
        if (o.json) json({ licenseId: id, license: license ?? null, position });
        else show(id, license);
      }),
    );
};
