/** What `tests/browser/test_indexeddb.py` has pages do with a store: by name, with plain values in and out. */

import { PREFIX, VERSIONS } from "/clients/js/src/storage/database.js";
import { IndexedDBStorage } from "/clients/js/src/storage/indexeddb.js";

/** Stores of this page that are open, by name. @type {Map<string, IndexedDBStorage>} */
const stores = new Map();
/** What `onLost` told. @type {string[]} */
export const lost = [];

/** An error as the words that a person would read. */
const told = (error) => `${error.name}: ${error.message}`;

/** Open a store; says what it holds as [table, key, value]. `newer`: by a later version of the page. */
export async function open(name, newer = false) {
  const versions = newer ? [...VERSIONS, (database) => database.createObjectStore("later")] : VERSIONS;
  const store = new IndexedDBStorage(name, { onLost: (error) => lost.push(told(error)), versions });
  try {
    const loaded = await store.open();
    stores.set(name, store);
    return Object.entries(loaded).flatMap(([table, rows]) => [...rows].map(([key, value]) => [table, key, shown(value)]));
  } catch (error) {
    return told(error);
  }
}

/** Commit [table, key, value] rows; null: done. `{bytes: 9}` as value is that many bytes; undefined (left out) removes. */
export async function commit(name, rows) {
  try {
    const changes = rows.map(([table, key, value]) => ({ table, key, value: bytes(value) }));
    await stores.get(name).commit(changes);
    return null;
  } catch (error) {
    return told(error);
  }
}

/** Commit one record after another for ever: says the number of each before and after. */
export async function commitForEver(name) {
  for (let number = 1; ; number++) {
    const problem = await commit(name, [["posts", String(number).padStart(8, "0"), "x"], ["meta", "last", String(number)]]);
    if (problem !== null) return problem;
    console.log(`committed ${number}`);
  }
}

export const close = (name) => stores.get(name).close();
export const erase = (name) => stores.get(name).erase();

/** What "clear site data" does to this database. */
export const clear = (name) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(PREFIX + name);
    request.onsuccess = () => resolve(null);
    request.onerror = () => reject(request.error);
  });

// Random: a browser compresses what it keeps.
const bytes = (value) => (value?.bytes === undefined ? value : new Uint8Array(value.bytes).map(() => 256 * Math.random()));
const shown = (value) => (value instanceof Uint8Array ? { bytes: value.length } : value);
