/** A mistake or a misfortune that the user can do something about: shown as one sentence, without a stack. */
export class Problem extends Error {
  readonly code: string;
  /** What a machine may want to know beside the sentence. */
  readonly facts: Readonly<Record<string, unknown>>;
  constructor(code: string, sentence: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(sentence);
    this.code = code;
    this.facts = facts;
  }
}
