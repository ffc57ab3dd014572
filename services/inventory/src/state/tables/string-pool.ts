// Strings that many rows share (key packs, versions, generations), as numbers in the order of their first use. That order
// follows from the ledger, so that every replica numbers them alike.

export class StringPool {
  readonly list: string[];
  private readonly numbers: Map<string, number>;

  constructor(list: readonly string[] = []) {
    this.list = [...list];
    this.numbers = new Map(this.list.map((word, n) => [word, n]));
  }

  numberOf(word: string): number {
    const known = this.numbers.get(word);
    if (known !== undefined) return known;
    this.numbers.set(word, this.list.length);
    return this.list.push(word) - 1;
  }

  stringAt(n: number): string {
    const word = this.list[n];
    if (word === undefined) throw new Error(`there is no word ${n}`);
    return word;
  }
}
