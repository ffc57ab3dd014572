// Commands that list: key packs, licenses, commands to the Clearinghouse, dead letters.

import { decode } from '@calbus/contracts/envelope';
import {
  inventoryLicenses,
  inventoryPacks,
  queryLicenses,
  queryPacks,
  type HeldLicense,
} from '@calbus/contracts/inventory-messages';
import { deadLetter, liaisonStatus, queryLiaison } from '@calbus/contracts/liaison-messages';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import type { Operator } from '../operator.ts';
import { day, dim, grouped, json, modeName, say, table, time } from '../print.ts';

export const packs = async (operator: Operator, asJson: boolean): Promise<void> => {
  const answer = await operator.ask(
    subjects.inventory.query('operator', 'packs'),
    queryPacks,
    {},
    inventoryPacks,
  );
  if (asJson) return json(answer);
  if (answer.packs.length === 0) return say('No key packs are installed: calbus install.');
  table(
    ['key pack', 'version', 'type', 'quantity', 'issued', 'available', 'agreement', 'installed'],
    answer.packs.map((p) => [
      grouped(p.keyPackId),
      p.version,
      modeName(p.mode),
      String(p.quantity),
      String(p.issued),
      p.available === null ? 'not counted' : String(p.available),
      `${p.program} ${p.agreement}`,
      day(p.installedAt),
    ]),
  );
};

export const licenses = async (
  operator: Operator,
  filter: { device?: string; user?: string; limit: number },
  asJson: boolean,
): Promise<void> => {
  const answer = await operator.ask(
    subjects.inventory.query('operator', 'licenses'),
    queryLicenses,
    filter,
    inventoryLicenses,
  );
  if (asJson) return json(answer);
  const users = answer.users ?? [];
  if (answer.licenses.length + users.length === 0) return say('No such licenses.');
  if (answer.licenses.length > 0) listLicenses(answer.licenses);
  if (answer.licenses.length > 0 && users.length > 0) say();
  if (users.length > 0)
    table(
      ['user', 'Per User CALs of', 'state', 'recorded', 'until'],
      users.map((u) => [u.userKey, u.version, u.state, day(u.recordedAt), day(u.notAfter)]),
    );
  if (answer.more) say(dim(`There are more than ${filter.limit}: --limit, --device or --user.`));
};

const listLicenses = (licenses: readonly HeldLicense[]): void =>
  table(
    ['device', 'hardware id', 'user', 'license', 'kind', 'version', 'state', 'until'],
    licenses.map((l) => [
      l.deviceName,
      l.hardwareId,
      l.userName ?? '',
      l.licenseId,
      l.kind === 'temporary' && l.validated ? 'temporary, validated' : l.kind,
      l.version,
      l.state,
      day(l.notAfter),
    ]),
  );

export const requests = async (operator: Operator, asJson: boolean): Promise<void> => {
  const { commands } = await operator.ask(
    subjects.liaison.query('operator', 'status'),
    queryLiaison,
    {},
    liaisonStatus,
  );
  if (asJson) return json(commands);
  if (commands.length === 0) return say('Nothing was asked of the Clearinghouse yet.');
  table(
    ['asked', 'command', 'state', 'what', 'by'],
    commands.map((c) => [
      time(c.askedAt),
      c.kind,
      c.state.state === 'rejected' ? `rejected: ${c.state.reason}` : c.state.state,
      c.about,
      c.by,
    ]),
  );
};

const readDead = async (operator: Operator, limit: number) => {
  const jsm = await operator.nc.jetstreamManager({ checkAPI: false });
  const { state } = await jsm.streams.info(streams.deadLetters.name);
  const letters = [];
  for (let seq = state.last_seq; seq >= state.first_seq && seq > 0 && letters.length < limit; seq -= 1) {
    const stored = await jsm.streams.getMessage(streams.deadLetters.name, { seq }).catch(() => undefined);
    const decoded = stored && decode([deadLetter], stored.data);
    if (decoded?.ok) letters.push({ at: decoded.message.sentAt, ...decoded.message.body });
  }
  return letters;
};

export const deadLetters = async (operator: Operator, limit: number, asJson: boolean): Promise<void> => {
  const letters = await readDead(operator, limit);
  if (asJson) return json(letters);
  if (letters.length === 0) return say('No dead letters.');
  table(
    ['at', 'service', 'subject', 'code', 'why', 'size'],
    letters.map((l) => [
      time(l.at),
      l.service,
      l.subject,
      l.code,
      l.says.slice(0, 70),
      String(Buffer.byteLength(l.bytes, 'base64')),
    ]),
  );
};
