/** A client's store that tells when posts are in it for good: from then on a kill of the process may not lose them. */

import { FileDisk } from "../src/storage/file_disk.js";
import { hex } from "../src/wire/values.js";

export class NotingDisk extends FileDisk {
  #taken;
  /** Posts that were made, and of which no commit is known yet. @type {Map<string, Uint8Array>} */
  #made = new Map();
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {string} path
   * @param {(key: Uint8Array) => void} taken
   */
  constructor(path, taken) {
    super(path);
    this.#taken = taken;
  }

  /** A post was made just now: the next commit has it. @param {Uint8Array} key */
  made(key) {
    this.#made.set(hex(key), key);
  }

  /** The client did not take it. @param {Uint8Array} key */
  refused(key) {
    this.#made.delete(hex(key));
    this.#look();
  }

  /** Resolves when all posts that were made are in the store. */
  allTaken() {
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(undefined));
      this.#look();
    });
  }

  /**
   * @override
   * @param {readonly import("../src/ports.js").Change[]} changes
   */
  async commit(changes) {
    const keys = [...this.#made.keys()];
    await super.commit(changes);
    for (const key of keys) {
      const taken = this.#made.get(key);
      if (taken !== undefined) this.#taken(taken); // before the client sends it
      this.#made.delete(key);
    }
    this.#look();
  }

  #look() {
    if (this.#made.size > 0) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
