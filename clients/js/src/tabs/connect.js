/** `connectTabs`: one device for all tabs of a site where the browser lets them share, else one for each tab. */

import { connect } from "../client.js";
import { StoreError } from "../errors.js";
import { VersionConflict } from "../storage/database.js";
import { canKeep, IndexedDBStorage } from "../storage/indexeddb.js";
import { MemoryStorage } from "../storage/memory.js";
import { Channel } from "./channel.js";
import { HandedIn } from "./handed_in.js";
import { Hub } from "./hub.js";
import { ended, lead, live, newTabId } from "./locks.js";
import { TabClient } from "./tab_client.js";

/** @import { Client } from "../client.js" */
/** @import { Storage } from "../ports.js" */
/** @import { Said } from "./channel.js" */

/** What `connect` takes, but for the store. @typedef {Omit<Parameters<typeof connect>[0], "storage">} ConnectOptions */

/**
 * Connect this tab. Resolves when a tab leads, which may be this one, and its client is connected.
 *
 * `name`: tabs with the same name are one device of one user; a page that knows several users gives each a name. It is the name
 * of the database, too.
 *
 * Where the browser gives no locks or no storage (plain HTTP to another machine, a forbidding setting), this tab is a device of
 * its own, in memory (`tab.kept` is false, `tab.reason` says why): then `token` must give each tab a token of another device.
 *
 * Rejects as `connect` does, and with StoreError when another version of the page has the store.
 *
 * @param {ConnectOptions & {name?: string}} options
 * @param {(storage: Storage, options: ConnectOptions) => Promise<Client>} [open]  For tests.
 * @returns {Promise<TabClient>}
 */
export async function connectTabs(options, open) {
  const tab = await joinTabs(options, open);
  await tab.ready();
  return tab;
}

/**
 * As `connectTabs`, and there is no waiting for a connection: what is posted meanwhile is kept, and calls wait. Errors of connecting
 * are those of `ready()` and of every call. `keep` false: this tab is a device of its own, in memory, whatever the browser gives.
 *
 * @param {ConnectOptions & {name?: string, keep?: boolean}} options
 * @param {(storage: Storage, options: ConnectOptions) => Promise<Client>} [open]  For tests.
 * @returns {Promise<TabClient>}
 */
export async function joinTabs(
  { name = "default", keep = true, ...options },
  open = (storage, more) => connect({ ...more, storage }),
) {
  const tabId = newTabId();
  if (!keep) return alone(tabId, options, open, "the page keeps nothing");
  if (!canKeep()) return alone(tabId, options, open, "the browser gives this page no locks: it is not on HTTPS, or is too old");
  /** @type {Member} */
  let member;
  try {
    const handedIn = await HandedIn.open(name, (error) => member.over(error));
    member = new Member(tabId, name, handedIn, options, open);
  } catch (error) {
    if (error instanceof VersionConflict || !(error instanceof StoreError)) throw error;
    return alone(tabId, options, open, error.message);
  }
  await member.join();
  return member.tab;
}

/**
 * @param {string} tabId
 * @param {ConnectOptions} options
 * @param {(storage: Storage, options: ConnectOptions) => Promise<Client>} open
 * @param {string} reason
 * @returns {TabClient}
 */
function alone(tabId, options, open, reason) {
  /** @type {Hub | null} */
  let hub = null;
  const opening = open(new MemoryStorage(), options);
  /** @type {TabClient} */
  const tab = new TabClient({
    tabId,
    handedIn: null,
    reason,
    ask: (said) => hub?.heard(tabId, said),
    end: async (flush) => opening.then((client) => client.close({ flush }), () => {}),
  });
  opening.then(
    (client) => {
      hub = new Hub(client, null, (_, said) => tab.heard(said));
      tab.become("alone");
      hub.begin();
    },
    (error) => tab.stop(error),
  );
  return tab;
}

/** This tab among those of one name: it follows, leads when its turn comes, and notices when the leader ends. */
class Member {
  #tabId;
  #name;
  #options;
  #open;
  /** Ends whatever this tab waits for. */
  #leaving = new AbortController();
  /** What this tab holds, to be given back in this order. @type {(() => void)[]} */
  #held = [];
  /** @type {string | null} */
  #leader = null;
  /** @type {Client | null} */
  #client = null;
  /** @type {Hub | null} */
  #hub = null;
  #handedIn;
  #channel;
  tab;

  /**
   * @param {string} tabId
   * @param {string} name
   * @param {HandedIn} handedIn
   * @param {ConnectOptions} options
   * @param {(storage: Storage, options: ConnectOptions) => Promise<Client>} open
   */
  constructor(tabId, name, handedIn, options, open) {
    this.#tabId = tabId;
    this.#name = name;
    this.#handedIn = handedIn;
    this.#options = options;
    this.#open = open;
    this.#channel = new Channel(name, tabId, (from, said) => this.#heard(from, said));
    this.tab = new TabClient({
      tabId,
      handedIn,
      ask: (said) => this.#ask(said),
      end: (flush) => this.#leave(flush),
    });
  }

  /** Take part. */
  async join() {
    this.#held.push(await live(this.#tabId));
    lead(this.#name, this.#leaving.signal).then(
      (release) => this.#lead(release),
      () => {}, // this tab left before its turn came
    );
    this.#channel.send(null, { type: "hello" });
  }

  /** @param {string} from @param {Said} said */
  #heard(from, said) {
    if (this.#hub !== null) {
      this.#hub.heard(from, said);
      if (said.type === "reading") this.#whenEnded(from, () => this.#hub?.gone(from));
      return;
    }
    if (said.type === "leading") this.#follow(from);
    if (from !== this.#leader) return;
    this.tab.heard(said);
    if (said.type === "stopped") void this.#leave(false);
  }

  /** @param {string} leader */
  #follow(leader) {
    if (this.#leader === leader) return;
    this.tab.become("waiting"); // whatever an earlier one was asked will have no answer
    this.#leader = leader;
    this.tab.become("following");
    this.#whenEnded(leader, () => {
      if (this.#leader !== leader) return;
      this.#leader = null;
      this.tab.become("waiting");
    });
  }

  /** @param {() => void} release */
  async #lead(release) {
    this.#held.unshift(release);
    this.#leader = null;
    this.tab.become("waiting");
    const first = !this.tab.wasLed;
    try {
      const storage = new IndexedDBStorage(this.#name, { onLost: (error) => this.over(error) });
      // Who has been promised a client waits for the network; who asks for the first one is told when it takes too long.
      const client = await this.#open(storage, first ? this.#options : { ...this.#options, timeoutMs: null });
      if (this.#leaving.signal.aborted) return void (await client.close({ flush: false }));
      this.#client = client;
      const hub = new Hub(client, this.#handedIn, (to, said) => this.#tell(to, said));
      await hub.takeOver();
      if (this.#leaving.signal.aborted) return;
      this.#hub = hub;
      this.#leader = this.#tabId;
      this.tab.become("leading");
      hub.begin();
    } catch (error) {
      this.over(/** @type {Error} */ (error));
    }
  }

  /** @param {Said} said */
  #ask(said) {
    if (this.#hub !== null) this.#hub.heard(this.#tabId, said);
    else if (!this.#leaving.signal.aborted) this.#channel.send(this.#leader, said);
  }

  /** @param {string | null} to @param {Said} said */
  #tell(to, said) {
    if (to !== this.#tabId && !this.#leaving.signal.aborted) this.#channel.send(to, said);
    if (to === this.#tabId || to === null) this.tab.heard(said);
  }

  /** @param {string} tabId @param {() => void} then */
  #whenEnded(tabId, then) {
    ended(tabId, this.#leaving.signal).then(then, () => {});
  }

  /** The store or the client is lost: this tab's part ends with an error. @param {Error} error */
  over(error) {
    if (this.#hub !== null) this.#tell(null, { type: "stopped", error });
    this.tab.stop(error);
    void this.#leave(false);
  }

  /** @param {boolean} flush */
  async #leave(flush) {
    if (this.#leaving.signal.aborted) return;
    const client = this.#client;
    try {
      await client?.close({ flush });
    } finally {
      this.#leaving.abort();
      this.#channel.close();
      for (const release of this.#held.splice(0)) release();
    }
  }
}
