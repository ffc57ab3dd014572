/** How much of a long operation is done. */
export type ProgressReport = (done: number, of: number) => void;

export const noReport: ProgressReport = () => {};
