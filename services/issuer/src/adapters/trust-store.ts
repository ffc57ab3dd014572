// What this issuer signs with and trusts, kept current: issuing keys from the bucket, certificates from inventory.

import { isDeepStrictEqual } from 'node:util';
import type { NatsConnection } from 'nats';
import { decode, encode } from '@calbus/contracts/envelope';
import { fault } from '@calbus/contracts/faults';
import { UNACTIVATED, type LicenseFacts } from '@calbus/contracts/license';
import { subjects } from '@calbus/contracts/subjects';
import { trustChanged, trustRequest } from '@calbus/contracts/terminal-server-messages';
import type { Clock } from '@calbus/runtime/clock';
import type { DeadLetters } from '@calbus/runtime/dead-letters';
import { newId } from '@calbus/runtime/ids';
import { errorFacts, type Log } from '@calbus/runtime/log';
import { openJws } from '@calbus/licenses/jws';
import { createVerifier, type LicenseCheck } from '@calbus/licenses/verifier';
import { signLicense } from '@calbus/licenses/license-signature';
import { createBoundedCache } from '@calbus/runtime/bounded-cache';
import { signBatch } from '@calbus/licenses/batch-signature';
import { encodeSnapshot, licenseTrustOf, type TrustSources } from '../handlers/trust-snapshot.ts';
import type { Signer } from '../ports.ts';
import { trustRevisionText, type NatsInventory } from './inventory.ts';
import type { IssuingKeySet, SigningKey } from './issuing-keys.ts';
import { createUnknownKeys } from './unknown-keys.ts';

/** A device that comes again is given the same license, and Ed25519 costs several times what all the rest of it does. */
const MAX_CACHED_LICENSES = 10_000;
const POLL_INTERVAL_MS = 250;
const POLLS_PER_KEY_READ = 8;

type SignedLicense = { readonly kid: string; readonly facts: LicenseFacts; readonly license: string };

export type TrustStore = Signer & {
  /** Resolves once it is known for the first time whom to trust, or at the abort of `signal`. */
  readonly ready: Promise<void>;
  /** What is wrong while no license can be signed. */
  readonly problem: () => string | undefined;
  readonly ended: Promise<void>;
};

export type TrustStoreDeps = {
  readonly nc: NatsConnection;
  readonly inventory: NatsInventory;
  readonly roots: readonly string[];
  /** The keys as they are published now; undefined if there are none or they do not decode. */
  readonly readKeys: () => Promise<IssuingKeySet | undefined>;
  readonly clock: Clock;
  readonly log: Log;
  readonly dead: DeadLetters;
  readonly signal: AbortSignal;
};

/** In the form of the heartbeat's `trustRevision`. */
const revisionOf = ({ ledger }: TrustSources): string =>
  trustRevisionText(ledger.position.generation, ledger.trustRevision);

export const openTrustStore = (deps: TrustStoreDeps): TrustStore => {
  const { nc, inventory, clock, log, dead, signal } = deps;
  const verifier = createVerifier();
  let keys: IssuingKeySet | undefined;
  let sources: TrustSources | undefined;
  /** The keys of `sources`. Terminal servers could not verify a license under another key. */
  let signing: readonly SigningKey[] = [];
  let quiet = false;
  /** A license could not be signed, or not be checked, with the keys at hand: look for newer ones at once. */
  let wanted = true;
  /** By license id: under which key, and as what. */
  const given = createBoundedCache<string, SignedLicense>(MAX_CACHED_LICENSES);
  const unknownKeys = createUnknownKeys();
  const first = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => first.resolve());

  const announce = (s: TrustSources): void => {
    const body = { generation: s.ledger.position.generation, epoch: s.ledger.epoch };
    nc.publish(subjects.trust.changed, encode(trustChanged, { id: newId(), sentAt: clock.now() }, body));
  };
  const look = async (withKeys: boolean): Promise<void> => {
    const since = clock.monotonic();
    const read = withKeys || wanted;
    if (read) keys = (await deps.readKeys()) ?? keys;
    wanted = !keys || keys.signing.length === 0;
    const revision = inventory.trustRevision();
    if (!keys || revision === undefined) return;
    const sameKeys = JSON.stringify(sources?.keys) === JSON.stringify(keys.published);
    if (sources && sameKeys && revisionOf(sources) === revision) {
      if (read) unknownKeys.refreshed(since);
      return;
    }
    const opened = keys;
    const found = { ledger: await inventory.trust(), keys: opened.published };
    // Any replica answers, and one that is behind would take us back; the next look asks again.
    if (revisionOf(found) !== inventory.trustRevision()) return;
    sources = found;
    signing = opened.signing;
    if (read) unknownKeys.refreshed(since);
    first.resolve();
    announce(found);
    log.info({ kid: signing[0]?.kid, epoch: found.ledger.epoch }, 'what is trusted is up to date');
  };
  const run = async (): Promise<void> => {
    for (let turn = 0; !signal.aborted; turn += 1) {
      try {
        await look(turn % POLLS_PER_KEY_READ === 0);
        quiet = false;
      } catch (error) {
        if (!quiet) log.warn(errorFacts(error), 'keys or certificates cannot be read yet; trying again');
        quiet = true;
      }
      await clock.sleep(POLL_INTERVAL_MS, signal);
    }
  };

  nc.subscribe(subjects.trust.requests, {
    queue: 'issuer',
    callback: (error, m) => {
      if (error) return;
      const id = /^cal\.v1\.trust\.request\.([A-Za-z0-9_-]{1,64})$/.exec(m.subject)?.[1];
      const decoded = decode([trustRequest], m.data);
      if (!decoded.ok || id === undefined) {
        const f = decoded.ok ? fault('WRONG_SUBJECT') : decoded.fault;
        void dead.put({ subject: m.subject, fault: f, deliveries: 1, bytes: m.data });
        return;
      }
      if (sources) nc.publish(subjects.trust.snapshot(id), encodeSnapshot(sources, newId(), clock.now()));
    },
  });
  return {
    sign: (facts) => {
      // Under a certificate that was over when it was issued, a license would verify nowhere; one that is given again is older.
      const inDate = (k: SigningKey): boolean => facts.issuedAt <= k.notAfter;
      // A license from before activation may be signed by any of our keys; one of an activated server only by a key certified for it.
      const { licenseServerId } = facts;
      const may = (k: SigningKey): boolean =>
        licenseServerId === UNACTIVATED || k.licenseServerId === licenseServerId;
      const chosen = signing.find((k) => inDate(k) && may(k));
      if (!chosen) {
        wanted = true;
        return undefined;
      }
      const { kid, key } = chosen;
      const before = given.get(facts.licenseId);
      if (before?.kid === kid && isDeepStrictEqual(before.facts, facts))
        return { license: before.license, fresh: false };
      const license = signLicense(key, kid, facts);
      given.set(facts.licenseId, { kid, facts, license });
      return { license, fresh: true };
    },
    signBatch: (licenses) => {
      const [first = '', ...others] = licenses;
      if (others.length === 0) return undefined;
      // A header names its key: where the headers are the same, the keys are.
      const head = first.slice(0, first.indexOf('.') + 1);
      const kid = openJws(first)?.header.kid;
      const chosen = signing.find((k) => k.kid === kid);
      const all = chosen && others.every((l) => l.startsWith(head));
      return all ? signBatch(chosen.key, chosen.kid, licenses) : undefined;
    },
    verify: (license, chain): LicenseCheck => {
      if (!sources) return { ok: false, why: 'who may sign is not known here yet', unknown: true };
      const checked = verifier.verify(license, licenseTrustOf(deps.roots, sources), chain);
      if (checked.ok || checked.unknown !== true) return checked;
      if (unknownKeys.isUnknown(openJws(license)?.header.kid ?? '', clock.monotonic()))
        return { ok: false, why: checked.why };
      wanted = true;
      return checked;
    },
    ready: first.promise,
    problem: () => {
      if (!sources)
        return 'Whom to trust is not known yet: issuing keys come from the liaison, certificates from inventory. Read their logs.';
      if (signing.length === 0)
        return "No issuing key opens under this deployment's secret: give issuers and liaison the same CALBUS_DEPLOYMENT_SECRET_FILE.";
      return signing.some((k) => clock.now() <= k.notAfter)
        ? undefined
        : "No issuing key is in date: read the liaison's log; it makes a key by itself.";
    },
    ended: run(),
  };
};
