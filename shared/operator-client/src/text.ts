// How ids, times and decisions are written for people, in every view.

import type { Decision } from '@calbus/terminal-server/client';
import type { LiveCounts } from './live-counts.ts';

/** Text from other parts can hold characters that steer a terminal. Each of them becomes a dot. */
export const plain = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- taking control characters out is the purpose
  text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '·');

/** 2026-11-24 07:05, in UTC. */
export const time = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

/** 2026-11-24 07:05:09, in UTC. */
export const moment = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

export const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

export const describeKind = (l: { readonly kind: string; readonly validated: boolean }): string =>
  l.kind === 'temporary' && l.validated ? 'temporary, validated' : l.kind;

export const modeName = (mode: string): string => (mode === 'per-user' ? 'Per User' : 'Per Device');

/** 35 characters as 7 groups of 5. */
export const grouped = (id: string): string =>
  /^[A-Z0-9]{35}$/.test(id) ? (id.match(/.{5}/g) ?? []).join('-') : id;

/** The counts that only some pools have. */
export const describePoolExtras = (
  pool: string,
  n: Readonly<Partial<Record<'revoked' | 'reserved' | 'deficit', number | undefined>>>,
): string | undefined => {
  const { revoked = 0, reserved = 0, deficit = 0 } = n;
  const parts = [
    ...(revoked > 0 ? [`${revoked} revoked and not past their end`] : []),
    ...(reserved > 0 ? [`${reserved} kept for licenses that are learned again`] : []),
    ...(deficit > 0 ? [`${deficit} issued for which there is no CAL`] : []),
  ];
  return parts.length === 0 ? undefined : `${pool}: ${parts.join(', ')}.`;
};

export const describeDecision = ({ outcome: o }: Decision): string => {
  switch (o.kind) {
    case 'license':
      return `${o.licenseKind} license until ${day(o.notAfter)}`;
    case 'per-user':
      return `granted to ${o.userKey}${o.notAfter === null ? '' : `, recorded until ${day(o.notAfter)}`}`;
    case 'validated':
      return 'marked validated';
    case 'noted':
      return 'noted';
    case 'refused':
      return `refused: ${o.code}`;
  }
};

export const describeCounts = (counts: LiveCounts): string =>
  counts.pools
    .map((p) =>
      p.mode === 'per-user' && p.issued === 0
        ? `${p.version} ${modeName(p.mode)}: ${p.installed} installed, not counted`
        : `${p.version} ${modeName(p.mode)}: ${p.installed} installed, ${p.issued} issued, ${p.available} available, ${p.temporary} temporary`,
    )
    .join('; ') || 'no CALs installed';
