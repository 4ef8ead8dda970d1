/** Who wants to hear of one kind of thing. */

/** @template {unknown[]} Told */
export class Listeners {
  /** @type {Set<(...told: Told) => void>} */
  #all = new Set();

  /** @param {(...told: Told) => void} listener @returns {() => void}  Ends it. */
  add(listener) {
    this.#all.add(listener);
    return () => void this.#all.delete(listener);
  }

  /** @param {Told} told */
  tell(...told) {
    for (const listener of this.#all) listener(...told);
  }
}
