// Verifies licenses against the keys that may sign them. A verifier remembers the signatures that it has verified.

import type { KeyObject } from 'node:crypto';
import { LICENSE_TYP, licenseClaims, UNACTIVATED, type LicenseClaims } from '@calbus/contracts/license';
import { createBoundedCache } from '@calbus/runtime/bounded-cache';
import { isBatchSignature } from './batch-signature.ts';
import { chainAt, chainStart, linkChain, type LinkedChain } from './certificates.ts';
import { openJws, verifyJws, type OpenedJws } from './jws.ts';

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
  /** `unknown`: the key or the license server is not known here; a reader with newer trust may find it genuine. */
  | { readonly ok: false; readonly why: string; readonly unknown?: true };

export type Verifier = {
  /**
   * N1: whether a license is genuine: shape, signature, chain valid at its time of issue, license server. The caller checks its
   * dates, device, mode and version. Never throws.
   *
   * Before activation a license server signs under its own certificate. Such a chain counts only if `issuing` names it, and
   * only for temporary licenses.
   *
   * `chain`: for a license whose issuing key is no longer published, the chain that came with the license. It must end at a root;
   * a chain that ends at the license server's own certificate does not count.
   */
  readonly verify: (jws: string, trust: LicenseTrust, chain?: readonly string[]) => LicenseCheck;
  /**
   * If `signature` covers exactly these licenses and its key may sign licenses, `verify` does not verify their own signatures.
   * Otherwise nothing changes. Never throws.
   */
  readonly verifyBatch: (licenses: readonly string[], signature: string, trust: LicenseTrust) => void;
};

type ParsedLicense = { readonly kid: string; readonly claims: LicenseClaims };
type VerifiedLicense = ParsedLicense & { readonly key: KeyObject };

const MAX_VERIFIED_LICENSES = 10_000;
const MAX_BATCH_LICENSES = 1_000;

const parseLicense = (opened: OpenedJws | undefined): ParsedLicense | undefined => {
  if (opened?.header.typ !== LICENSE_TYP) return undefined;
  const claims = licenseClaims.safeParse(opened.payload).data;
  return claims && { kid: opened.header.kid ?? '', claims };
};

/** Links chains once: that costs more than all other checks, and a deployment has a handful of chains. */
const createChainCache = (anchorsOf: (chain: readonly string[], roots: readonly string[]) => string[]) => {
  const cache = new WeakMap<readonly string[], { roots: readonly string[]; linked: LinkedChain }>();
  return (chain: readonly string[], roots: readonly string[]): LinkedChain => {
    const cached = cache.get(chain);
    if (cached?.roots === roots) return cached.linked;
    const linked = linkChain(chain, anchorsOf(chain, roots), ['issuing', 'license-server']);
    cache.set(chain, { roots, linked });
    return linked;
  };
};

export const createVerifier = (): Verifier => {
  // Licenses from before the activation and from after it can use the same chain at the same time.
  const linkToRoots = createChainCache((_chain, roots) => [...roots]);
  const linkToItself = createChainCache((chain, roots) => [...roots, ...chain.slice(-1)]);
  /** A device presents and receives the same license again and again. Each check still asks whether the key may sign. */
  const verified = createBoundedCache<string, VerifiedLicense>(MAX_VERIFIED_LICENSES);
  /** Licenses that a batch signature covers, with its key. */
  const batchSigned = createBoundedCache<string, KeyObject>(MAX_BATCH_LICENSES);

  const verifyPublished = (jws: string, trust: LicenseTrust): LicenseCheck => {
    const known = verified.get(jws);
    const opened = known ? undefined : openJws(jws);
    const license = known ?? parseLicense(opened);
    if (!license) return { ok: false, why: 'it is not a license' };
    const { kid, claims: c } = license;
    const chain = trust.issuing.get(kid);
    if (!chain) return { ok: false, why: 'the key that signed it is not known', unknown: true };
    const unactivated = c.iss === UNACTIVATED;
    if (!unactivated && c.iss !== trust.licenseServerId)
      return { ok: false, why: 'it is of another license server', unknown: true };
    if (unactivated && c.kind !== 'temporary')
      return { ok: false, why: 'a license from before activation can only be temporary' };
    // After a change of keys an issuer signs a license again, unchanged. It may be older than its certificates, never younger.
    const links = (unactivated ? linkToItself : linkToRoots)(chain, trust.roots);
    const checked = chainAt(links, Math.max(c.iat * 1000, chainStart(links)));
    if (!checked.ok) return { ok: false, why: checked.why };
    if (!unactivated && checked.chain.some((x) => x.commonName !== c.iss))
      return { ok: false, why: 'its certificates are of another license server' };
    const key = checked.leaf.publicKey;
    if (known?.key === key) return { ok: true, claims: c };
    const signed = opened ?? openJws(jws);
    if (!signed || (batchSigned.get(jws) !== key && !verifyJws(signed, LICENSE_TYP, key)))
      return { ok: false, why: 'its signature does not verify' };
    verified.set(jws, { kid, claims: c, key });
    return { ok: true, claims: c };
  };

  /** The key named `kid`, if its chain ends at a root; `verify` checks its dates for each license. */
  const issuingKey = (kid: string, trust: LicenseTrust): KeyObject | undefined => {
    const chain = trust.issuing.get(kid);
    const links = chain && linkToRoots(chain, trust.roots);
    return links?.ok === true ? links.certificates[0].publicKey : undefined;
  };

  return {
    verify: (jws, trust, chain) => {
      if (!chain) return verifyPublished(jws, trust);
      const kid = openJws(jws)?.header.kid ?? '';
      if (trust.issuing.has(kid)) return verifyPublished(jws, trust);
      const checked = verifyPublished(jws, { ...trust, issuing: new Map([[kid, chain]]) });
      return checked.ok && checked.claims.iss === UNACTIVATED
        ? { ok: false, why: 'the key that signed it is not known' }
        : checked;
    },
    verifyBatch: (licenses, signature, trust) => {
      // Before the activation a chain counts only for licenses of that time, which a batch signature does not tell.
      if (trust.licenseServerId === UNACTIVATED) return;
      const opened = openJws(signature);
      const key = issuingKey(opened?.header.kid ?? '', trust);
      if (!opened || !key) return;
      if (licenses.every((license) => verified.get(license)?.key === key)) return;
      if (isBatchSignature(opened, key, licenses))
        for (const license of licenses) batchSigned.set(license, key);
    },
  };
};
