/** The tables of a store as plain maps: what a store in memory is, and what a store on disk keeps beside its file. */

import { TABLES } from "../ports.js";

/** @import { Change, Loaded, StoredValue, TableName } from "../ports.js" */

export class Tables {
  /** @type {Map<TableName, Map<string, StoredValue>>} */
  #tables = new Map(TABLES.map((name) => [name, new Map()]));

  /**
   * Take over changes, in order.
   *
   * @param {readonly Change[]} changes
   */
  apply(changes) {
    for (const { table, key, value } of changes) {
      const rows = /** @type {Map<string, StoredValue>} */ (this.#tables.get(table));
      if (value === undefined) rows.delete(key);
      else rows.set(key, value);
    }
  }

  /** Copies of all tables, each in ascending order of keys. @returns {Loaded} */
  loaded() {
    const tables = [...this.#tables].map(([name, rows]) => [name, new Map([...rows].sort(byKey))]);
    return /** @type {Loaded} */ (Object.fromEntries(tables));
  }

  /** The changes that make these tables out of empty ones. @returns {Change[]} */
  asChanges() {
    return [...this.#tables].flatMap(([table, rows]) => [...rows].map(([key, value]) => ({ table, key, value })));
  }
}

/**
 * By UTF-16 unit, as `<` compares and IndexedDB sorts; `localeCompare` would not.
 *
 * @param {[string, StoredValue]} one
 * @param {[string, StoredValue]} other
 */
const byKey = ([one], [other]) => (one < other ? -1 : one > other ? 1 : 0);
