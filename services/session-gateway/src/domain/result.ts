// The outcome of reading input that may be malformed: a value, or why there is none.

export type Success<T> = { readonly ok: true; readonly value: T };
export type Failure = { readonly ok: false; readonly why: string };
export type Result<T> = Success<T> | Failure;

export const success = <T>(value: T): Success<T> => ({ ok: true, value });
export const failure = (why: string): Failure => ({ ok: false, why });
