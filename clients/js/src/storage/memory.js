/** A store in memory: it is gone with the page or the process. */

import { StoreError } from "../errors.js";
import { Tables } from "./tables.js";

/** @import { Change } from "../ports.js" */

/**
 * Keeps everything in this object. Give the same object to a second client, when the first is closed, to play a restart.
 *
 * @implements {StorageShape}
 * @typedef {import("../ports.js").Storage} StorageShape
 */
export class MemoryStorage {
  #tables = new Tables();
  #open = false;

  async open() {
    if (this.#open) throw new StoreError("this store is open already: two clients cannot share one");
    this.#open = true;
    return this.#tables.loaded();
  }

  /** @param {readonly Change[]} changes */
  async commit(changes) {
    if (!this.#open) throw new StoreError("this store is not open");
    this.#tables.apply(changes);
  }

  async close() {
    this.#open = false;
  }

  async erase() {
    this.#tables = new Tables();
    this.#open = false;
  }
}
