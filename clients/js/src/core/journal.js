/** Changes on their way to the store: one atomic `commit` after another, each with all that came up since the last. */

/** @typedef {import("../ports.js").Change} Change */
/** @typedef {import("../ports.js").Storage} Storage */
/** @typedef {import("../ports.js").StoredValue} StoredValue */
/** @typedef {import("../ports.js").TableName} TableName */

/**
 * What is noted in one turn goes to the store together, in order: a step that is noted without a pause is never torn. Who lets
 * something out that rests on it waits for `durable` first.
 */
export class Journal {
  /**
   * @param {Storage} storage
   * @param {(error: unknown) => void} failed  The store failed; called once.
   */
  constructor(storage, failed) {
    this._storage = storage;
    this._failed = failed;
    /** @type {Map<string, Change>} */
    this._noted = new Map();
    /** @type {Promise<void> | null} */
    this._committing = null;
    /** @type {{resolve: () => void, reject: (error: unknown) => void, upto: number}[]} */
    this._waiting = [];
    /** Counts changes that were noted, and those that are durable. */
    this._count = 0;
    this._durable = 0;
    /** @type {{error: unknown} | null} */
    this._failure = null;
  }

  /**
   * Put a record; undefined removes it.
   *
   * @param {TableName} table
   * @param {string} key
   * @param {StoredValue | undefined} value
   */
  put(table, key, value) {
    const name = `${table}\n${key}`;
    this._noted.delete(name); // the last change of a record stands where it was made
    this._noted.set(name, { table, key, value });
    this._count += 1;
    if (this._committing === null && this._failure === null) this._committing = this._run();
  }

  /**
   * Resolves when everything noted so far is in the store; rejects with the store's error.
   *
   * @returns {Promise<void>}
   */
  durable() {
    if (this._failure !== null) return Promise.reject(this._failure.error);
    if (this._durable === this._count) return Promise.resolve();
    return new Promise((resolve, reject) => this._waiting.push({ resolve, reject, upto: this._count }));
  }

  /** Whether everything is in the store. */
  get isDurable() {
    return this._durable === this._count;
  }

  async _run() {
    await null; // the rest of the turn belongs to the same step
    try {
      while (this._noted.size > 0) {
        const changes = [...this._noted.values()];
        const upto = this._count;
        this._noted.clear();
        await this._storage.commit(changes);
        this._durable = upto;
        this._settle();
      }
      this._committing = null;
    } catch (error) {
      this._failure = { error };
      this._noted.clear();
      const waiting = this._waiting;
      this._waiting = [];
      for (const one of waiting) one.reject(error);
      this._failed(error);
    }
  }

  _settle() {
    let ready = 0;
    while (ready < this._waiting.length && this._waiting[ready].upto <= this._durable) ready += 1;
    for (const one of this._waiting.splice(0, ready)) one.resolve();
  }
}
