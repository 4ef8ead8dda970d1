/**
 * Posts that tabs have handed in, in the database of the store: from then on they survive every tab, and whichever leads next
 * offers them. The key makes it one message, however often that happens (SPEC 9.1).
 */

import { StoreError } from "../errors.js";
import { answered, asStoreError, finished, HANDED_IN, NEWER_VERSION, openDatabase } from "../storage/database.js";

/** @typedef {{number: IDBValidKey, conversationId: string, content: any, key: Uint8Array}} HandedInPost */

export class HandedIn {
  #name;
  /** @type {IDBDatabase | null} */
  #database;
  /** Why the database is gone. */
  #why = "closed";
  /** @type {import("../errors.js").StoreReason} */
  #reason = "";

  /**
   * @param {string} name  The store's.
   * @param {IDBDatabase} database
   * @param {(error: StoreError) => void} onLost  It was cleared, deleted, or is wanted by a newer version of this page.
   */
  constructor(name, database, onLost) {
    this.#name = name;
    this.#database = database;
    database.onversionchange = ({ newVersion }) =>
      newVersion === null ? lost("the store was deleted", "deleted") : lost(NEWER_VERSION, "newer");
    database.onclose = () => lost("the browser's storage was cleared", "cleared");
    /** @param {string} why @param {import("../errors.js").StoreReason} reason */
    const lost = (why, reason) => {
      if (this.#database === null) return;
      this.close(`${why}; reload the page`);
      this.#reason = reason;
      onLost(new StoreError(`${name}: ${this.#why}`, reason));
    };
  }

  /**
   * @param {string} name
   * @param {(error: StoreError) => void} onLost
   */
  static async open(name, onLost) {
    try {
      return new HandedIn(name, await openDatabase(name), onLost);
    } catch (error) {
      throw asStoreError(name, error);
    }
  }

  /**
   * Durable when it resolves. Those of one tab keep their order.
   *
   * @param {string} conversationId
   * @param {any} content
   * @param {Uint8Array} key
   * @returns {Promise<IDBValidKey>}  Its number.
   */
  add(conversationId, content, key) {
    return this.#run("readwrite", (posts) => answered(posts.add({ conversationId, content, key })));
  }

  /** In the order in which they were handed in. @returns {Promise<HandedInPost[]>} */
  all() {
    return this.#run("readonly", async (posts) => {
      const [numbers, values] = await Promise.all([answered(posts.getAllKeys()), answered(posts.getAll())]);
      return numbers.map((number, at) => ({ number, ...values[at] }));
    });
  }

  /** It has its answer, or is in the client's outbox. @param {IDBValidKey} number */
  remove(number) {
    return this.#run("readwrite", (posts) => answered(posts.delete(number)));
  }

  /** @param {string} [why] */
  close(why = "closed") {
    this.#database?.close();
    this.#database = null;
    this.#why = why;
  }

  /**
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(posts: IDBObjectStore) => Promise<T>} step
   * @returns {Promise<T>}
   */
  async #run(mode, step) {
    if (this.#database === null) throw new StoreError(`${this.#name}: ${this.#why}`, this.#reason);
    try {
      const transaction = this.#database.transaction(HANDED_IN, mode, { durability: "strict" });
      const [result] = await Promise.all([step(transaction.objectStore(HANDED_IN)), finished(transaction)]);
      return result;
    } catch (error) {
      throw asStoreError(this.#name, error);
    }
  }
}
