// Admits a terminal server while everything runs.

import { nkeyAuthenticator } from 'nats';
import { setTimeout as sleep } from 'node:timers/promises';
import { terminalServerInbox } from '@calbus/contracts/identities';
import { token } from '@calbus/contracts/tokens';
import { natsTlsOptions } from '@calbus/runtime/nats-tls';
import { connectNats } from '@calbus/operator-client/nats-connection';
import { bold, dim, green, json, say, yellow } from '../../print.ts';
import { Problem } from '@calbus/operator-client/problem';
import { natsEndpoint, type Profile } from '@calbus/operator-client/profile';
import {
  changeAdmissions,
  type AdmissionChangeResult,
} from '@calbus/operator-client/registrar/admission-change';
import { connectNatsNodes, registrarProfile } from '@calbus/operator-client/registrar/nats-nodes';
import { assertPublicKey, newKeyPair, saySeed, STANDARD_OUTPUT, writeSeed, type KeyPair } from './seeds.ts';

export type AddOptions = { readonly out?: string; readonly publicKey?: string; readonly json?: true };

const PROVE_MS = 10_000;

/** It connects as a terminal server would. */
const connects = async (profile: Profile, id: string, pair: KeyPair): Promise<void> => {
  const { servers, ca } = natsEndpoint(profile);
  for (const deadline = performance.now() + PROVE_MS; ; await sleep(100)) {
    try {
      const nc = await connectNats(servers, {
        ...natsTlsOptions(servers, ca),
        name: `calbus terminal-server add ${id}`,
        authenticator: nkeyAuthenticator(pair.seed()),
        inboxPrefix: terminalServerInbox(id),
        reconnect: false,
      });
      return await nc.close();
    } catch {
      if (performance.now() < deadline) continue;
      throw new Problem(
        'NOT_TAKEN',
        `NATS has read its configuration again and does not know the new identity: is ${registrarProfile(profile).folder} the folder that it includes? The list is as it was.`,
      );
    }
  }
};

export const assertId = (id: string): void => {
  if (!token.safeParse(id).success)
    throw new Problem('BAD_ID', 'The id of a terminal server has 1 to 64 letters, digits, _ and -.');
};

export const sayNodes = ({ nodes, silent }: AdmissionChangeResult): void => {
  say(dim(`In force on ${nodes.length === 1 ? 'NATS' : nodes.join(', ')}; nobody else was cut off.`));
  if (silent > 0)
    say(
      yellow(
        `${silent} more of NATS' nodes did not answer. A node that is down takes the list when it starts; for one that runs: calbus terminal-server reload.`,
      ),
    );
};

/** What its administrator sets: options of the library, and of calbus' own profiles. */
const settingsOf = (profile: Profile, id: string, seedFile: string) => ({
  terminalServerId: id,
  natsUrl: profile.natsUrl,
  seedFile,
  ...(profile.natsCaFile === undefined ? {} : { natsCaFile: profile.natsCaFile }),
  clearinghouseRootFile: profile.clearinghouseRootFile,
});

export const add = async (profile: Profile, id: string, o: AddOptions): Promise<void> => {
  assertId(id);
  if ((o.out === undefined) === (o.publicKey === undefined))
    throw new Problem(
      'WHICH_KEY',
      'Say either --out <file>, for a new identity to be written there, or --public-key <U…> of one that was made elsewhere.',
    );
  if (o.publicKey !== undefined) assertPublicKey(o.publicKey);
  const { folder } = registrarProfile(profile);
  const pair = o.out === undefined ? undefined : newKeyPair();
  const publicKey = pair?.publicKey ?? o.publicKey ?? '';
  const nodes = await connectNatsNodes(profile);
  let takeBack = (): void => {};
  let known = false;
  try {
    const changed = await changeAdmissions({
      folder,
      nodes,
      to: (list) => {
        const of = list[id];
        known = of?.publicKey === publicKey;
        if (known) return list;
        if (of)
          throw new Problem(
            'ID_TAKEN',
            `There is a terminal server ${id} with another key: name another id, or remove that one first.`,
          );
        const other = Object.entries(list).find(([, t]) => t.publicKey === publicKey);
        if (other)
          throw new Problem(
            'KEY_TAKEN',
            `That key is terminal server ${other[0]}'s: each has one of its own.`,
          );
        if (pair && o.out !== undefined) takeBack = writeSeed(o.out, pair);
        return { ...list, [id]: { publicKey, since: Date.now() } };
      },
      ...(pair === undefined ? {} : { prove: () => connects(profile, id, pair) }),
    });
    const toOutput = o.out === STANDARD_OUTPUT;
    if (pair && toOutput) return saySeed(pair);
    const seedFile = o.out ?? '<the file with the private half of that key>';
    const settings = settingsOf(profile, id, seedFile);
    if (o.json) return json({ id, publicKey, already: known, ...changed, settings });
    say(
      green(known ? `Terminal server ${id} has been admitted before.` : `Terminal server ${id} is admitted.`),
    );
    sayNodes(changed);
    say(`${bold('public key')}  ${publicKey}`);
    say(
      "For its administrator: these settings, and the files that they name. The seed is that server's alone.",
    );
    json(settings);
  } catch (error) {
    takeBack();
    throw error;
  } finally {
    await nodes.close();
  }
};
