/** Lines out of bytes that come in pieces. What somebody else writes may have no end: a long line is left out. */

/** No line of a log that is of interest comes near this length, in characters. */
const LONGEST = 8192;

export class Lines {
  #rest = '';
  #isTooLong = false;

  /** The lines that are complete with these bytes, without their ends; latin1. */
  push(bytes: Buffer): string[] {
    const [first = '', ...others] = bytes.toString('latin1').split('\n');
    if (others.length === 0) {
      this.#keep(first);
      return [];
    }
    const whole = this.#isTooLong ? [] : [this.#rest + first];
    this.reset();
    this.#keep(others.pop() ?? '');
    return [...whole, ...others].filter((line) => line.length <= LONGEST);
  }

  /** Forgets the line that has begun. */
  reset(): void {
    this.#rest = '';
    this.#isTooLong = false;
  }

  #keep(text: string): void {
    this.#isTooLong ||= this.#rest.length + text.length > LONGEST;
    this.#rest = this.#isTooLong ? '' : this.#rest + text;
  }
}
