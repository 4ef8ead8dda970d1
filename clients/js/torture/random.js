/** Random numbers of one seed: what the torture's load does when is drawn from them, and can be repeated. */

import { createHash } from "node:crypto";

const ONE = 2 ** 32;

export class Random {
  #seed;
  #drawn = 0;

  /** @param {string} seed */
  constructor(seed) {
    this.#seed = seed;
  }

  /** From 0 on, below 1. */
  number() {
    this.#drawn += 1;
    return createHash("sha256").update(`${this.#drawn} ${this.#seed}`).digest().readUInt32BE() / ONE;
  }

  /**
   * @param {number} least
   * @param {number} most
   */
  between(least, most) {
    return least + this.number() * (most - least);
  }

  /**
   * @param {number} least
   * @param {number} most  Included.
   */
  integer(least, most) {
    return least + Math.floor(this.number() * (most - least + 1));
  }

  /** @template T @param {readonly T[]} choices  At least one. */
  choice(choices) {
    return choices[this.integer(0, choices.length - 1)];
  }

  /** Time until the next of events of which `rate` come in a unit of it. @param {number} rate */
  exponential(rate) {
    return -Math.log(1 - this.number()) / rate;
  }

  /**
   * @template T
   * @param {readonly T[]} choices
   * @param {number} count  As many different ones, or all.
   */
  sample(choices, count) {
    const left = [...choices];
    const drawn = [];
    while (drawn.length < count && left.length > 0) drawn.push(...left.splice(this.integer(0, left.length - 1), 1));
    return drawn;
  }
}
