// Splits a byte stream into lines. It never buffers more than the longest permitted line.

export const MAX_LINE_BYTES = 65_536;

export type LineSplitter = {
  /** The lines that are complete now; `tooLong` where one is longer than it may be, after which nothing more is read. */
  readonly take: (chunk: Uint8Array) => { readonly lines: readonly string[]; readonly tooLong: boolean };
};

const NEWLINE = 10;

export const createLineSplitter = (most = MAX_LINE_BYTES): LineSplitter => {
  let held: Uint8Array = new Uint8Array(0);
  let over = false;
  return {
    take: (chunk) => {
      const lines: string[] = [];
      if (over) return { lines, tooLong: true };
      const all = new Uint8Array(held.length + chunk.length);
      all.set(held);
      all.set(chunk, held.length);
      let from = 0;
      for (;;) {
        const end = all.indexOf(NEWLINE, from);
        if ((end === -1 ? all.length : end) - from > most) over = true;
        if (end === -1 || over) break;
        lines.push(new TextDecoder().decode(all.subarray(from, end)));
        from = end + 1;
      }
      held = over ? new Uint8Array(0) : all.slice(from);
      return { lines, tooLong: over };
    },
  };
};
