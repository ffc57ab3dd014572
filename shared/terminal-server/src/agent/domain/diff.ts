// A unified diff of two texts. It compares each line with each line, so it is for short files only.

const AROUND = 2;

type Line = { readonly sign: ' ' | '-' | '+'; readonly text: string };

const compared = (before: readonly string[], after: readonly string[]): Line[] => {
  // longest[i][j]: the number of lines that the texts have in common from lines i and j to their ends.
  const longest = Array.from({ length: before.length + 1 }, () => Array<number>(after.length + 1).fill(0));
  const at = (i: number, j: number): number => longest[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1)
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const row = longest[i];
      if (row) row[j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push({ sign: ' ', text: before[i] ?? '' });
      i += 1;
      j += 1;
    } else if (i < before.length && (j >= after.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ sign: '-', text: before[i] ?? '' });
      i += 1;
    } else {
      lines.push({ sign: '+', text: after[j] ?? '' });
      j += 1;
    }
  }
  return lines;
};

/** The changed lines with context; empty if the texts are equal. */
export const diff = (before: string, after: string): string => {
  const lines = compared(before.split('\n'), after.split('\n'));
  const near = lines.map((_, n) =>
    lines.slice(Math.max(0, n - AROUND), n + AROUND + 1).some((l) => l.sign !== ' '),
  );
  const shown = lines.flatMap((l, n) => {
    if (near[n]) return [`${l.sign}${l.text}`];
    return near[n - 1] ? ['  …'] : [];
  });
  return shown.join('\n');
};
