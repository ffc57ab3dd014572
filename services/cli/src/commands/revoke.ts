// `calbus revoke`: R1, a full Per Device license is ended early, and its CAL is free at once.

import {
  inventoryLicenses,
  queryLicenses,
  type HeldLicense,
} from '@calbus/contracts/inventory-query-messages';
import { inventoryRevoke } from '@calbus/contracts/inventory-command-messages';
import { subjects } from '@calbus/contracts/subjects';
import { newId, type OperatorClient } from '@calbus/operator-client/client';
import { day, dim, grouped, json, kindWords, plain, say } from '../print.ts';
import { Problem } from '@calbus/operator-client/problem';

/** What the ledger holds under this id; a replica that knows nothing of the question answers with other licenses. */
const licenseOf = async (operator: OperatorClient, licenseId: string): Promise<HeldLicense | undefined> => {
  const subject = subjects.inventory.query('operator', 'licenses');
  const question = { license: licenseId, limit: 1 };
  const { licenses } = await operator.ask(subject, queryLicenses, question, inventoryLicenses);
  return licenses.find((l) => l.licenseId === licenseId);
};

/** Where the limit is what refuses, the sentence says when there is room again; this is the other way. */
const withTheLift = (error: unknown): unknown =>
  error instanceof Problem && error.code === 'REVOCATION_LIMIT'
    ? new Problem(
        error.code,
        `${error.message} To lift the limit: calbus settings set revocationLimit=none.`,
        error.facts,
      )
    : error;

export const revoke = async (
  operator: OperatorClient,
  licenseId: string,
  by: string,
  why: string,
  asJson: boolean,
): Promise<void> => {
  const license = await licenseOf(operator, licenseId);
  const command = { commandId: newId(), licenseId, by, why };
  const { position } = await operator.sendToLeader(inventoryRevoke, command).catch((error: unknown) => {
    throw withTheLift(error);
  });
  if (asJson) return json({ licenseId, license: license ?? null, position });
  if (!license) return say(`License ${licenseId} is revoked; its CAL is free at once.`);
  const { deviceName, hardwareId, version, keyPackId, notAfter } = license;
  say(`${plain(deviceName)} (${hardwareId}) has lost its ${kindWords(license)} license for ${version}.`);
  say(`Its CAL${keyPackId === null ? '' : ` of key pack ${grouped(keyPackId)}`} is free at once.`);
  say(
    dim(
      `It counts among the revoked licenses until its end, ${day(notAfter)}. Terminal servers that are connected admit nobody on it any more within a second, others once they are back.`,
    ),
  );
};
