import type { AuditedLicense } from '@calbus/audit/audited-state';

/** A full license past its end keeps its CAL until a record returns it. Undefined where no device holds the license. */
export const stateAt = (
  l: Pick<AuditedLicense, 'over' | 'notAfter' | 'kind'>,
  at: number,
): 'live' | 'past its end' | undefined => {
  if (l.over) return undefined;
  if (l.notAfter > at) return 'live';
  return l.kind === 'full' ? 'past its end' : undefined;
};
