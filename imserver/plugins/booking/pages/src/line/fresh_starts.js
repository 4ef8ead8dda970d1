/** Fresh starts of a line whose store was lost: one that is cleared again and again is no store. */

/** So many in so long, each after a wait. */
const STARTS = 3;
const WITHIN_MS = 60_000;
/** Browsers clear a site's databases one after the other: one that is opened at once is cleared, too. */
const WAIT_MS = 300;

export class FreshStarts {
  /** When it began anew lately. @type {number[]} */
  #at = [];

  /** Null: there were too many. Otherwise resolves when it is time, later with each. @returns {Promise<void> | null} */
  next() {
    this.#at = this.#at.filter((at) => Date.now() - at < WITHIN_MS);
    if (this.#at.length >= STARTS) return null;
    this.#at.push(Date.now());
    return new Promise((resolve) => setTimeout(resolve, WAIT_MS * this.#at.length));
  }
}
