// The file in which a person carries a signed statement: a head to be read, and the statement. Only the statement counts; the head is
// not signed and is not read again.

const WIDTH = 64;
const mark = (edge: 'BEGIN' | 'END', kind: OfflineFileKind): string =>
  `-----${edge} CALBUS ${kind.toUpperCase()}-----`;

export type OfflineFileKind = 'request' | 'answer';
export type OfflineFileResult =
  | { readonly ok: true; readonly jws: string }
  | { readonly ok: false; readonly problem: 'NOT_A_FILE' | 'CUT_OFF'; readonly says: string };

/** `head`: what it is, for whom, by whom, when; one line each. */
export const formatOfflineFile = (
  kind: OfflineFileKind,
  head: readonly (readonly [string, string])[],
  jws: string,
): string => {
  const lines = head.map(([name, value]) => `${`${name}:`.padEnd(16)} ${value.replaceAll(/\s+/g, ' ')}`);
  const body = jws.match(new RegExp(`.{1,${WIDTH}}`, 'g')) ?? [];
  return [...lines, '', mark('BEGIN', kind), ...body, mark('END', kind), ''].join('\n');
};

/** Never throws. */
export const parseOfflineFile = (kind: OfflineFileKind, text: string): OfflineFileResult => {
  const no = (problem: 'NOT_A_FILE' | 'CUT_OFF', says: string): OfflineFileResult => ({
    ok: false,
    problem,
    says,
  });
  const other = kind === 'request' ? 'answer' : 'request';
  const start = text.indexOf(mark('BEGIN', kind));
  if (start < 0)
    return text.includes(mark('BEGIN', other))
      ? no(
          'NOT_A_FILE',
          `The file is ${other === 'answer' ? 'an answer, not a request' : 'a request, not an answer'}.`,
        )
      : no(
          'NOT_A_FILE',
          `The file has no line "${mark('BEGIN', kind)}": it is no ${kind} of calbus, or its beginning is missing.`,
        );
  const end = text.indexOf(mark('END', kind), start);
  if (end < 0)
    return no('CUT_OFF', `The file has no line "${mark('END', kind)}": its end is missing. Fetch it again.`);
  return { ok: true, jws: text.slice(start + mark('BEGIN', kind).length, end).replaceAll(/\s/g, '') };
};
