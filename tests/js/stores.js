/** What the stores of the clients that are played hold: to be read and filled by tests, as if by other processes. */

import { Journal } from "../../clients/js/src/core/journal.js";
import { Store } from "../../clients/js/src/core/store.js";
import { StoreError } from "../../clients/js/src/errors.js";
import { FileDisk } from "../../clients/js/src/storage/file_disk.js";
import { MemoryStorage } from "../../clients/js/src/storage/memory.js";
import { Tables } from "../../clients/js/src/storage/tables.js";
import { hex } from "../../clients/js/src/wire/values.js";

const NOTHING_NEW = { trails: new Map(), own: new Map(), notices: new Map() };

/** What a test writes: names and arguments are those of the Python client's stores. */
const WRITES = {
  add_post: (store, { conversation_id: conversationId, key, content }) =>
    store.posts.add({ conversationId, key: hex(key), content }),
  save_identity: (store, deviceId, userId, storeEpoch, features = []) =>
    store.saveIdentity(deviceId, userId, storeEpoch, features),
  save_sync: (store, since, synced, saved) => {
    const positions = new Map(Object.entries(saved).map(([name, one]) => [name, { ...one, knownHead: one.known_head }]));
    const page = { since, synced, positions, states: new Map(), account: null, step: NOTHING_NEW, forgotten: [] };
    store.saveSync(page);
  },
};

/** The changes that make these tables. */
const changesOf = (loaded) =>
  Object.entries(loaded).flatMap(([table, rows]) => [...rows].map(([key, value]) => ({ table, key, value })));

/** A store that lets tests see what is in it while a client has it open, and that kills a client by failing. */
class Watched {
  #storage;
  #tables = null;
  #ended;
  #commits = 0;
  #lastCommit = Infinity;
  #behind = false;

  /** `ended`: is told of each step that ends conversations with a token of sync. */
  constructor(storage, ended) {
    this.#storage = storage;
    this.#ended = ended;
  }

  async open() {
    const loaded = await this.#storage.open();
    this.#tables = new Tables();
    this.#tables.apply(changesOf(loaded));
    return loaded;
  }

  /** The commit of this number, counted from now on, fails: in front of it, or behind it. Null: none does. */
  killAt(number, behind) {
    this.#commits = 0;
    this.#lastCommit = number ?? Infinity;
    this.#behind = behind;
  }

  async commit(changes) {
    this.#commits += 1;
    if (this.#commits >= this.#lastCommit && !this.#behind) throw new StoreError("killed in front of a commit");
    await this.#storage.commit(changes);
    this.#tables.apply(changes);
    if (this.#commits >= this.#lastCommit) throw new StoreError("killed behind a commit");
    const since = changes.find(({ table, key }) => table === "meta" && key === "since");
    const ended = changes.filter(({ table, value }) => table === "positions" && value === undefined);
    if (since !== undefined && ended.length > 0) this.#ended(since.value, ended.map(({ key }) => key));
  }

  async close() {
    await this.#storage.close();
    this.#tables = null;
  }

  async erase() {
    await this.#storage.erase();
    this.#tables = null;
  }

  /** The tables, also of a store that nobody has open. */
  async loaded() {
    if (this.#tables !== null) return this.#tables.loaded();
    const loaded = await this.open();
    await this.close();
    return loaded;
  }
}

export class Stores {
  #stores = new Map();
  #ended;

  /** @param {(memory: number, since: string, names: string[]) => void} ended */
  constructor(ended) {
    this.#ended = ended;
  }

  of({ path, memory }) {
    const name = path ?? memory;
    if (!this.#stores.has(name)) {
      const storage = path ? new FileDisk(path) : new MemoryStorage();
      this.#stores.set(name, new Watched(storage, (...step) => path || this.#ended(memory, ...step)));
    }
    return this.#stores.get(name);
  }

  /** All that it holds. */
  async saved(store) {
    const loaded = await this.of(store).loaded();
    return new Store(new Journal(new MemoryStorage(), () => {})).open(loaded);
  }

  /** Put all that the one holds into the other, an empty one. */
  async fork(of, store) {
    const fork = this.of(store);
    await fork.open();
    await fork.commit(changesOf(await this.of(of).loaded()));
    await fork.close();
  }

  /** Write to a store that no client has open. */
  async write(store, method, args) {
    const storage = this.of(store);
    const written = new Store(new Journal(storage, () => {}));
    written.open(await storage.open());
    WRITES[method](written, ...args);
    await written.durable();
    await storage.close();
  }

  clear() {
    this.#stores.clear();
  }
}
