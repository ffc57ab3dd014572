// Commands that list: key packs, licenses, commands to the Clearinghouse, dead letters.

import {
  inventoryLicenses,
  inventoryPacks,
  queryLicenses,
  queryPacks,
  type HeldLicense,
} from '@calbus/contracts/inventory-query-messages';
import { deadLetter } from '@calbus/contracts/dead-letter';
import { liaisonStatus, queryLiaisonStatus, type LiaisonCommand } from '@calbus/contracts/liaison-messages';
import { streams } from '@calbus/contracts/streams';
import { subjects } from '@calbus/contracts/subjects';
import { readStreamTail } from '@calbus/operator-client/stream-tail';
import type { OperatorClient } from '@calbus/operator-client/client';
import { day, dim, grouped, json, kindWords, modeName, plain, say, table, time } from '../print.ts';

export const packs = async (operator: OperatorClient, asJson: boolean): Promise<void> => {
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
  operator: OperatorClient,
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
      kindWords(l),
      l.version,
      l.ended === undefined ? l.state : `ended: ${l.ended}`,
      day(l.notAfter),
    ]),
  );

const nextOf = ({ commandId, road }: LiaisonCommand): string =>
  road === 'telephone'
    ? `say it with calbus requests say ${commandId}, type the answer with calbus requests hear ${commandId}`
    : `calbus requests export ${commandId} writes its file, calbus requests import <answer file> takes the answer`;

export const requests = async (operator: OperatorClient, asJson: boolean): Promise<void> => {
  const { commands } = await operator.ask(
    subjects.liaison.query('operator', 'status'),
    queryLiaisonStatus,
    {},
    liaisonStatus,
  );
  if (asJson) return json(commands);
  if (commands.length === 0) return say('Nothing was asked of the Clearinghouse yet.');
  table(
    ['asked', 'command', 'road', 'state', 'what', 'by', 'id'],
    commands.map((c) => [
      time(c.askedAt),
      c.kind,
      c.road ?? 'automatic',
      c.state.state === 'rejected' ? `rejected: ${c.state.reason}` : c.state.state,
      c.about,
      c.by,
      c.commandId,
    ]),
  );
  for (const c of commands) {
    if (c.state.state === 'held') say(`\n${plain(c.about)}: ${nextOf(c)}`);
    // Closed without an answer: the sentence says whether to ask again.
    if (c.state.state === 'rejected' && c.state.reason === 'WRONG_EPOCH')
      say(`\n${plain(c.about)}: ${plain(c.state.says)}`);
  }
};

export const deadLetters = async (
  operator: OperatorClient,
  limit: number,
  asJson: boolean,
): Promise<void> => {
  const found = await readStreamTail(operator, streams.deadLetters.name, deadLetter, limit);
  const letters = found.map(({ sentAt, body }) => ({ at: sentAt, ...body }));
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
