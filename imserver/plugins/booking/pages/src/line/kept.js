/**
 * What the page keeps of a person for the time without a network: the newest messages, appointments. One small database for
 * each user; where the browser gives none, nothing is kept and nothing fails. It is a copy: whatever the server says wins.
 */

const PREFIX = "imserver-page:";
const TABLE = "kept";

export class Kept {
  #database;

  /** @param {IDBDatabase | null} database */
  constructor(database) {
    this.#database = database;
    // A sign-out in another tab deletes it, and must not wait for this one.
    if (database !== null) database.onversionchange = () => this.close();
    if (database !== null) database.onclose = () => this.close();
  }

  /** @param {string} userId @returns {Promise<Kept>} */
  static open(userId) {
    return new Promise((resolve) => {
      try {
        const request = indexedDB.open(PREFIX + userId, 1);
        request.onupgradeneeded = () => void request.result.createObjectStore(TABLE);
        request.onsuccess = () => resolve(new Kept(request.result));
        request.onerror = request.onblocked = () => resolve(new Kept(null));
      } catch {
        resolve(new Kept(null)); // a setting that forbids all storage throws
      }
    });
  }

  /** @param {string} name @returns {Promise<any>}  Undefined if there is none. */
  get(name) {
    return this.#run("readonly", (table) => table.get(name));
  }

  /** Everything whose name begins so, in the order of the names. @param {string} prefix @returns {Promise<any[]>} */
  async all(prefix) {
    return (await this.#run("readonly", (table) => table.getAll(IDBKeyRange.bound(prefix, `${prefix}\uffff`)))) ?? [];
  }

  /**
   * @param {string} name
   * @param {unknown} value  Plain data; undefined removes it. A full disk keeps the old one: nobody waits for this copy.
   */
  async put(name, value) {
    await this.#run("readwrite", (table) => (value === undefined ? table.delete(name) : table.put(value, name)));
  }

  /** Everything whose name begins so goes. @param {string} prefix */
  async drop(prefix) {
    await this.#run("readwrite", (table) => table.delete(IDBKeyRange.bound(prefix, `${prefix}\uffff`)));
  }

  close() {
    this.#database?.close();
    this.#database = null;
  }

  /**
   * @param {IDBTransactionMode} mode
   * @param {(table: IDBObjectStore) => IDBRequest} step
   * @returns {Promise<any>}
   */
  #run(mode, step) {
    return new Promise((resolve) => {
      try {
        if (this.#database === null) return resolve(undefined);
        const request = step(this.#database.transaction(TABLE, mode).objectStore(TABLE));
        request.onsuccess = () => resolve(request.result);
        request.onerror = (event) => {
          event.preventDefault();
          resolve(undefined);
        };
      } catch {
        resolve(undefined);
      }
    });
  }
}
