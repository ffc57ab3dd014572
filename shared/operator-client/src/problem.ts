/** An error that the user can act on. It is shown as one sentence, without a stack. */
export class Problem extends Error {
  readonly code: string;
  /** Facts for programs, beside the sentence. */
  readonly facts: Readonly<Record<string, unknown>>;
  constructor(code: string, sentence: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(sentence);
    this.code = code;
    this.facts = facts;
  }
}
