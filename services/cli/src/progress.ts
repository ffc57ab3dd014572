// How far a long piece of work is: one line on the terminal that is written over, and nothing at all where there is no terminal.

const EVERY_MS = 100;

export type Progress = {
  readonly show: (done: number, of: number) => void;
  /** Takes the line away. */
  readonly end: () => void;
};

const quiet: Progress = { show: () => {}, end: () => {} };

export const progressOf = (what: string, stream: NodeJS.WriteStream = process.stderr): Progress => {
  if (!stream.isTTY) return quiet;
  let shownAt = -EVERY_MS;
  let shown = false;
  return {
    show: (done, of) => {
      if (performance.now() - shownAt < EVERY_MS) return;
      shownAt = performance.now();
      shown = true;
      stream.write(`\r\u001b[K${what}: ${done} of ${of}`);
    },
    end: () => {
      if (shown) stream.write('\r\u001b[K');
    },
  };
};
