/**
 * A store in the browser's IndexedDB: one database for each name, one object store for each table, keys beside the values.
 *
 * A page locks it by a Web Lock, which the browser takes back however the page ends. So a store that another page has open
 * is refused, and one that a killed page had open is free at once.
 */

import { StoreError } from "../errors.js";
import { TABLES } from "../ports.js";
import { answered, asStoreError, finished, NEWER_VERSION, openDatabase, PREFIX, VERSIONS } from "./database.js";

/** @import { Change, Loaded, StoredValue, TableName } from "../ports.js" */

/** How long to wait for a client that is just closing (milliseconds). */
const LOCK_WAIT_MS = 1000;

/**
 * @typedef {object} IndexedDBOptions
 * @property {(error: StoreError) => void} [onLost]  The database was cleared, deleted, or is wanted by a newer version of
 *   this page. The store is closed already; without this function the next `commit` says so.
 * @property {readonly ((database: IDBDatabase) => void)[]} [versions]  For tests of upgrades.
 */

/** For one page at a time; the package's `tabs` share one between pages. */
export class IndexedDBStorage {
  #name;
  #onLost;
  #versions;
  /** @type {IDBDatabase | null} */
  #database = null;
  /** @type {(() => void) | null} */
  #unlock = null;
  /** Why the database is gone. @type {StoreError | null} */
  #lost = null;

  /**
   * @param {string} name  One store of this origin: a user of the page, say.
   * @param {IndexedDBOptions} [options]
   */
  constructor(name, { onLost = () => {}, versions = VERSIONS } = {}) {
    this.#name = name;
    this.#onLost = onLost;
    this.#versions = versions;
  }

  /** @returns {Promise<Loaded>} */
  async open() {
    if (this.#database !== null) throw new StoreError(`${this.#name}: already open`);
    this.#lost = null;
    if (!canKeep()) {
      throw new StoreError(`${this.#name}: this page has no storage that it could lock (plain HTTP, or an old browser)`);
    }
    try {
      // The database first: where it is to be brought up to date, a page of an older version lets go of both.
      this.#database = await openDatabase(this.#name, this.#versions);
      this.#watch(this.#database);
      this.#unlock = await takeLock(this.#name);
      return await readAll(this.#database);
    } catch (error) {
      await this.close();
      throw asStoreError(this.#name, error);
    }
  }

  /** @param {readonly Change[]} changes */
  async commit(changes) {
    const database = this.#database;
    if (database === null) throw this.#lost ?? new StoreError(`${this.#name}: not open`);
    if (changes.length === 0) return;
    const tables = [...new Set(changes.map((change) => change.table))];
    try {
      // Chromium answers a relaxed commit when the system has the data, a strict one when the disk has it.
      const transaction = database.transaction(tables, "readwrite", { durability: "strict" });
      const ended = finished(transaction);
      for (const { table, key, value } of changes) {
        const rows = transaction.objectStore(table);
        if (value === undefined) rows.delete(key);
        else rows.put(value, key);
      }
      transaction.commit();
      await ended;
    } catch (error) {
      throw this.#lost ?? asStoreError(this.#name, error);
    }
  }

  async close() {
    this.#database?.close();
    this.#database = null;
    this.#unlock?.();
    this.#unlock = null;
  }

  /** Remove the database, also if it is open here. Other pages that have it open are told so (`onLost`). */
  async erase() {
    this.#database?.close();
    this.#database = null;
    try {
      await answered(indexedDB.deleteDatabase(PREFIX + this.#name));
    } catch (error) {
      throw asStoreError(this.#name, error);
    } finally {
      await this.close();
    }
  }

  /**
   * A newer page must not wait for this one to be closed by its user, so this one lets go at once.
   *
   * @param {IDBDatabase} database
   */
  #watch(database) {
    /** @param {string} why @param {import("../errors.js").StoreReason} reason */
    const lost = (why, reason) => {
      if (this.#database !== database) return;
      this.#lost = new StoreError(`${this.#name}: ${why}; reload the page`, reason);
      void this.close();
      this.#onLost(this.#lost);
    };
    database.onversionchange = (event) =>
      event.newVersion === null ? lost("the store was deleted", "deleted") : lost(NEWER_VERSION, "newer");
    database.onclose = () => lost("the browser's storage was cleared", "cleared");
  }
}

/**
 * Whether this page may have a store that outlives it. Browsers give no locks on plain HTTP, except to localhost; where a setting
 * forbids all storage, some throw when one so much as names it.
 */
export function canKeep() {
  try {
    return typeof indexedDB !== "undefined" && indexedDB !== null && typeof navigator !== "undefined" && "locks" in navigator;
  } catch {
    return false;
  }
}

/**
 * @param {string} name
 * @returns {Promise<() => void>}  Gives the lock back.
 */
function takeLock(name) {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(LOCK_WAIT_MS);
    navigator.locks
      .request(`${PREFIX}store:${name}`, { signal }, () => new Promise((unlock) => resolve(() => unlock(undefined))))
      .catch((error) => {
        const used = signal.aborted ? new StoreError(`${name}: in use by another page of this site`, "used") : asStoreError(name, error);
        reject(used);
      });
  });
}

/**
 * @param {IDBDatabase} database
 * @returns {Promise<Loaded>}
 */
async function readAll(database) {
  const transaction = database.transaction([...TABLES], "readonly");
  const tables = TABLES.map(async (table) => {
    const rows = transaction.objectStore(table);
    const [keys, values] = await Promise.all([answered(rows.getAllKeys()), answered(rows.getAll())]);
    return /** @type {[TableName, Map<string, StoredValue>]} */ ([
      table,
      new Map(keys.map((key, at) => [String(key), values[at]])),
    ]);
  });
  return /** @type {Loaded} */ (Object.fromEntries(await Promise.all(tables)));
}
