/** A mistake or a misfortune that the user can do something about: shown as one sentence, without a stack. */
export class Problem extends Error {
  readonly code: string;
  constructor(code: string, sentence: string) {
    super(sentence);
    this.code = code;
  }
}
