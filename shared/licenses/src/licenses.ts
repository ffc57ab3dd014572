// Signing a license and verifying one, against what is known of who may sign.

import type { KeyObject } from 'node:crypto';
import {
  claimsOf,
  LICENSE_TYP,
  licenseClaims,
  UNACTIVATED,
  type LicenseClaims,
  type LicenseFacts,
} from '@calbus/contracts/license';
import { chainAt, chainStart, linkChain, type LinkedChain } from './certificates.ts';
import { openJws, signJws, verifyJws, type OpenedJws } from './jws.ts';
import { createBoundedCache } from '@calbus/runtime/bounded-cache';

/**
 * As checkLicense, for a license whose issuing key is not published any more: whoever shows it shows that key's chain as well, which
 * must stand under a root. A chain of a license server's own making is worth nothing here.
 */
export const checkLicenseWith = (
  jws: string,
  chain: readonly string[] | undefined,
  trust: LicenseTrust,
): LicenseCheck => {
  if (!chain) return checkLicense(jws, trust);
  const kid = openJws(jws)?.header.kid ?? '';
  if (trust.issuing.has(kid)) return checkLicense(jws, trust);
  const checked = checkLicense(jws, { ...trust, issuing: new Map([[kid, chain]]) });
  return checked.ok && checked.claims.iss === UNACTIVATED
    ? { ok: false, why: 'the key that signed it is not known' }
    : checked;
};

/** The license of `facts`, signed under the issuing key named `kid`. The same key gives the same bytes. */
export const signLicense = (key: KeyObject, kid: string, facts: LicenseFacts): string =>
  signJws(key, { typ: LICENSE_TYP, kid }, claimsOf(facts));

export type LicenseTrust = {
  /** Clearinghouse roots, in PEM. */
  readonly roots: readonly string[];
  /** Chains by the name of the issuing key: the issuing certificate first, the license server certificate last. */
  readonly issuing: ReadonlyMap<string, readonly string[]>;
  /** The one license server whose licenses count; licenses from before its activation count as its own. */
  readonly licenseServerId: string;
};

export type LicenseCheck =
  | { readonly ok: true; readonly claims: LicenseClaims }
  /** `unknown`: of a key or license server that is not known here; whoever knows more may find it genuine. */
  | { readonly ok: false; readonly why: string; readonly unknown?: true };

type Kept = { readonly roots: readonly string[]; readonly linked: LinkedChain };

// Linking a chain costs more than all the rest of a check, and a deployment has a handful of chains. The same chain is linked in both
// ways where licenses from before the activation and from after it come side by side.
const keptUnderRoots = new WeakMap<readonly string[], Kept>();
const keptAsItsOwn = new WeakMap<readonly string[], Kept>();

const linked = (chain: readonly string[], roots: readonly string[], ownRoot: boolean): LinkedChain => {
  const kept = ownRoot ? keptAsItsOwn : keptUnderRoots;
  const before = kept.get(chain);
  if (before?.roots === roots) return before.linked;
  const anchors = ownRoot ? [...roots, ...chain.slice(-1)] : roots;
  const fresh = linkChain(chain, anchors, ['issuing', 'license-server']);
  kept.set(chain, { roots, linked: fresh });
  return fresh;
};

type Read = { readonly kid: string; readonly claims: LicenseClaims };
type Genuine = Read & { readonly key: KeyObject };

/**
 * What was found to be signed last, and by which key: a device that comes again shows the same license and is given the same. A
 * signature, once it was verified, is a fact; whether the key may still sign is asked each time.
 */
const genuine = createBoundedCache<string, Genuine>(10_000);

/** Licenses that a key has vouched for in another way, until each is checked, which is at once. */
const vouched = createBoundedCache<string, KeyObject>(1_000);

/** Has `licenses` count as signed by `key`. */
export const vouchFor = (key: KeyObject, licenses: readonly string[]): void => {
  for (const license of licenses) vouched.set(license, key);
};

/** Whether all were found to be signed by `key` before. */
export const areKnown = (key: KeyObject, licenses: readonly string[]): boolean =>
  licenses.every((license) => genuine.get(license)?.key === key);

const read = (opened: OpenedJws | undefined): Read | undefined => {
  if (opened?.header.typ !== LICENSE_TYP) return undefined;
  const claims = licenseClaims.safeParse(opened.payload).data;
  return claims && { kid: opened.header.kid ?? '', claims };
};

/** The key named `kid`, where it stands under a root; whether it was in date is asked of each license. */
export const issuingKeyOf = (kid: string, trust: LicenseTrust): KeyObject | undefined => {
  const chain = trust.issuing.get(kid);
  const links = chain && linked(chain, trust.roots, false);
  return links?.ok === true ? links.certificates[0].publicKey : undefined;
};

/**
 * N1: whether a license is genuine: shape, signature, chain not over at its time of issue, license server. Whether it is
 * in date, of the right device, mode and version, is not asked here. Never throws.
 *
 * Before activation a license server signs under a certificate of its own making; such a chain is taken only as the
 * very one named in `issuing`, and only for temporary licenses.
 */
export const checkLicense = (jws: string, trust: LicenseTrust): LicenseCheck => {
  const before = genuine.get(jws);
  const opened = before ? undefined : openJws(jws);
  const license = before ?? read(opened);
  if (!license) return { ok: false, why: 'it is not a license' };
  const { kid, claims: c } = license;
  const chain = trust.issuing.get(kid);
  if (!chain) return { ok: false, why: 'the key that signed it is not known', unknown: true };
  const unactivated = c.iss === UNACTIVATED;
  if (!unactivated && c.iss !== trust.licenseServerId)
    return { ok: false, why: 'it is of another license server', unknown: true };
  if (unactivated && c.kind !== 'temporary')
    return { ok: false, why: 'a license from before activation can only be temporary' };
  // A license that is given again after a change of keys is signed anew, unchanged: it may be older than the certificates it
  // is signed under, never younger.
  const links = linked(chain, trust.roots, unactivated);
  const checked = chainAt(links, Math.max(c.iat * 1000, chainStart(links)));
  if (!checked.ok) return { ok: false, why: checked.why };
  if (!unactivated && checked.chain.some((x) => x.commonName !== c.iss))
    return { ok: false, why: 'its certificates are of another license server' };
  const key = checked.leaf.publicKey;
  if (before?.key === key) return { ok: true, claims: c };
  const signed = opened ?? openJws(jws);
  if (!signed || (vouched.get(jws) !== key && !verifyJws(signed, LICENSE_TYP, key)))
    return { ok: false, why: 'its signature does not verify' };
  genuine.set(jws, { kid, claims: c, key });
  return { ok: true, claims: c };
};
