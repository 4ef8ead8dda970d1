/**
 * The client as each tab sees it: one device, one connection, one store for all tabs of a site; the same calls in each.
 *
 * One tab leads and owns the `Client`; the others ask it. If it ends, another leads, and what they had asked is asked again
 * where that can do no harm.
 */

import { newKey } from "../environment.js";
import { Disconnected, Misuse } from "../errors.js";
import { directConversationId } from "../wire/ids.js";
import { Inbox } from "./inbox.js";
import { Watching } from "./watched.js";

/** @import { Client } from "../client.js" */
/** @import { ClientEvent } from "../events.js" */
/** @import { HandedIn } from "./handed_in.js" */
/** @import { Said } from "./channel.js" */

/**
 * `leading`: the client runs in this tab. `following`: in another. `waiting`: in none at the moment; calls wait, posts are kept.
 * `alone`: tabs cannot share here, and each is a device of its own. `stopped`: see the error of every call.
 *
 * @typedef {"leading" | "following" | "waiting" | "alone" | "stopped"} Role
 */

/** @typedef {{type: "roleChanged", role: Role}} RoleChanged */

/**
 * Methods of the client, and whether to ask a new leader again, when the one that was asked has ended before it answered. What
 * a key makes one thing, what sets a value and what reads may be asked twice; a change that may be there already may not.
 *
 * @type {Readonly<Record<string, "again" | "once" | "keyed">>}
 */
const CALLS = {
  abandon: "again", outbox: "again", history: "again", conversations: "again", members: "again", users: "again",
  show: "again", hide: "again", item: "again", about: "again", settings: "again", account: "again",
  ask: "again", write: "once", cursor: "again", markRead: "again", cursors: "again", renew: "again", hurry: "again",
  createGroup: "keyed", addMember: "keyed", removeMember: "keyed", leave: "keyed",
  state: "again", storeEpoch: "again", serverFeatures: "again",
  "edits.edit": "once",
  "reactions.put": "again", "reactions.remove": "again", "reactions.of": "again", "reactions.mine": "again",
  "reactions.people": "again",
  "typing.tell": "once",
  "blocks.put": "again", "blocks.remove": "again", "blocks.people": "again",
};

/** Of an idempotency key. */
const KEY_BYTES = 16;
/** Events that wait in a tab for its application; of more, the oldest are dropped. */
const MAX_EVENTS = 256;

/**
 * What a tab asks of the client: its methods, each as a promise, and its values as methods. So that every tab has the same calls,
 * also what the leader could answer at once is a promise.
 *
 * @template T
 * @typedef {{[Name in keyof T]: T[Name] extends (...given: infer Given) => infer Result
 *   ? (...given: Given) => Promise<Awaited<Result>>
 *   : () => Promise<T[Name]>}} Asked
 */

/** @typedef {"blocks" | "edits" | "reactions" | "typing"} FeatureName */
/** @typedef {"post" | "messages" | "events" | "watch" | "close" | "abort" | "userId" | "deviceId" | "direct" | "key"} OwnName */

/**
 * @typedef {Asked<Omit<Client, FeatureName | OwnName>> & {[Name in FeatureName]: Asked<Client[Name]>}} Calls
 */

export class TabClient {
  /** This tab, among those that are open now. */
  tabId;
  /** Whether the outbox and what was received outlive this tab; if not, `reason` says why. */
  kept;
  reason;
  /** @type {Role} */
  role = "waiting";
  #handedIn;
  #ask;
  #end;
  /** @type {{userId: string, deviceId: string} | null} */
  #me = null;
  /** @type {Map<number, {said: Said, repeat: string, asked: boolean, resolve: (value: any) => void, reject: (error: Error) => void}>} */
  #calls = new Map();
  #numbers = 0;
  /** Questions that are watched here, by number. @type {Map<number, Watching>} */
  #watched = new Map();
  /** @type {Set<string>} */
  #streams = new Set();
  /** @type {Inbox | null} */
  #inbox = null;
  /** @type {Set<{queue: any[], wake: () => void}>} */
  #listeners = new Set();
  /** Posts that are being handed in. */
  #handing = 0;
  /** @type {Error | null} */
  #error = null;
  #ready;
  /** @type {() => void} */
  #isReady = () => {};

  /**
   * Made by `connectTabs`.
   *
   * @param {object} parts
   * @param {string} parts.tabId
   * @param {HandedIn | null} parts.handedIn
   * @param {string} [parts.reason]
   * @param {(said: Said) => void} parts.ask  Say something to the leader; it may be lost while there is none.
   * @param {(flush: boolean) => Promise<void>} parts.end  This tab does not take part any more.
   */
  constructor({ tabId, handedIn, reason = "", ask, end }) {
    this.tabId = tabId;
    this.kept = handedIn !== null;
    this.reason = reason;
    this.#handedIn = handedIn;
    this.#ask = ask;
    this.#end = end;
    this.#ready = new Promise((resolve, reject) => {
      this.#isReady = () => (this.#error === null ? resolve(undefined) : reject(this.#error));
    });
    this.#ready.catch(() => {});
    for (const path of Object.keys(CALLS)) this.#define(path);
  }

  /** The client's methods by name: `tab.call.history(…)`, `tab.call.edits.edit(…)`. @type {Calls} */
  call = /** @type {any} */ ({});

  /** Whether a tab has led since this one was opened. */
  get wasLed() {
    return this.#me !== null;
  }

  /** Resolves when a tab leads. */
  ready() {
    return this.#ready;
  }

  get userId() {
    return this.#known.userId;
  }

  get deviceId() {
    return this.#known.deviceId;
  }

  get #known() {
    if (this.#me === null) throw new Misuse("no tab has led yet: await connectTabs()");
    return this.#me;
  }

  /** @param {string} userId  As `Client.direct`. */
  direct(userId) {
    return directConversationId(this.userId, userId);
  }

  /**
   * As `Client.post`. `onKept` is called when the post is durable on this device: from then on it will reach the server,
   * whichever tabs are closed or killed. (Not while this tab is `alone`: see `kept`.) One that is to go out `now` is not handed
   * in: it lives as long as this tab.
   *
   * @param {string} conversationId
   * @param {import("../values.js").Content | string} content
   * @param {{key?: Uint8Array, onKept?: () => void, now?: boolean}} [options]
   * @returns {Promise<import("../values.js").Posted>}
   */
  async post(conversationId, content, { key = newKey(KEY_BYTES, Date.now()), onKept, now = false } = {}) {
    if (this.#error !== null) throw this.#error;
    /** @type {IDBValidKey | null} */
    let number = null;
    // Behind one that is being handed in it is handed in, too: it overtakes none.
    if (this.#handedIn !== null && (!now || this.#handing > 0)) {
      this.#handing += 1;
      try {
        number = await this.#handedIn.add(conversationId, content, key);
      } finally {
        this.#handing -= 1;
      }
      onKept?.();
    }
    return this.#asking("post", [conversationId, content, { key, number, now }], "again");
  }

  /** As `Client.messages`: each message exactly once in each tab that reads. */
  messages() {
    if (this.#inbox !== null) throw new Misuse("messages() has a reader already");
    const inbox = (this.#inbox = new Inbox({
      history: (conversationId, options) => this.#asking("history", [conversationId, options], "again"),
      userId: () => this.userId,
      done: (conversationId, position) => this.#ask({ type: "done", conversationId, position }),
    }));
    if (this.#error !== null) inbox.end(this.#error);
    this.#read("messages");
    return this.#whileRead(inbox.read(), () => {
      this.#inbox = null;
      this.#streams.delete("messages");
      this.#sayWhatIsRead();
    });
  }

  /**
   * As `Client.events`, and `roleChanged`.
   *
   * @returns {AsyncGenerator<ClientEvent | RoleChanged, void, void>}
   */
  events() {
    const listener = { queue: /** @type {any[]} */ ([]), wake: () => {} };
    this.#listeners.add(listener);
    this.#read("events");
    return this.#whileRead(this.#heardBy(listener), () => this.#listeners.delete(listener));
  }

  /**
   * As `Client.watch`: the answer now, and each later one. All tabs together watch at most 16 different questions.
   *
   * @param {string} method
   * @param {readonly unknown[]} [params]
   * @returns {AsyncIterableIterator<any>}
   */
  watch(method, params = []) {
    const id = ++this.#numbers;
    const watching = new Watching(method, params, () => {
      this.#watched.delete(id);
      this.#ask({ type: "unwatch", id });
    });
    this.#watched.set(id, watching);
    if (this.#error !== null) watching.end(this.#error);
    this.#sayWhatIsRead(); // from now on the leader notices the end of this tab
    this.#sayWatched();
    return watching;
  }

  /** End this tab's part. If it led, another tab leads; the last one says GOODBYE. */
  async close({ flush = true } = {}) {
    if (this.role === "stopped") return;
    await this.#end(flush);
    this.stop(new Disconnected("the client is closed"), true);
  }

  // -- for connectTabs ----------------------------------------------------------------------------------------------

  /** @param {Role} role */
  become(role) {
    if (this.role === role || this.#error !== null) return;
    this.role = role;
    this.#tell({ type: "roleChanged", role });
    if (role !== "waiting") return;
    for (const [id, call] of this.#calls) {
      if (!call.asked || call.repeat !== "once") continue;
      this.#calls.delete(id);
      call.reject(new Disconnected("the tab that led was closed in the middle of this; whether it was done is unknown"));
    }
  }

  /** Everything ends. @param {Error} error @param {boolean} [closed]  By the application. */
  stop(error, closed = false) {
    if (this.#error !== null) return;
    this.become("stopped");
    this.#error = error;
    this.#isReady();
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
    this.#inbox?.end(closed ? null : error);
    for (const watching of [...this.#watched.values()]) watching.end(closed ? null : error);
    for (const { wake } of this.#listeners) wake();
    this.#handedIn?.close();
  }

  /** The leader said something. @param {Said} said */
  heard(said) {
    this.#heard[said.type]?.(said);
  }

  /** @type {Record<string, (said: Said) => void>} */
  #heard = {
    leading: ({ me }) => {
      this.#me = me;
      this.#isReady();
      this.#sayWhatIsRead();
      this.#sayWatched();
      for (const call of this.#calls.values()) this.#send(call);
    },
    answer: ({ id, value, error }) => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) call?.resolve(value);
      else call?.reject(error);
    },
    watched: (said) => this.#watched.get(said.id)?.heard(said),
    message: ({ fields }) => this.#inbox?.put(fields),
    event: ({ event }) => this.#tell(event),
    stopped: ({ error }) => this.stop(error),
  };

  // -- within -------------------------------------------------------------------------------------------------------

  /** @param {string} path */
  #define(path) {
    const repeat = CALLS[path];
    const names = path.split(".");
    const name = /** @type {string} */ (names.pop());
    const owner = names.reduce((one, part) => (one[part] ??= {}), /** @type {any} */ (this.call));
    owner[name] = (/** @type {any[]} */ ...given) => {
      const keyed = repeat === "keyed" ? withKey(given) : given;
      return this.#asking(path, keyed, repeat);
    };
  }

  /**
   * @param {string} path
   * @param {any[]} given
   * @param {string} repeat
   * @returns {Promise<any>}
   */
  #asking(path, given, repeat) {
    if (this.#error !== null) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      const id = ++this.#numbers;
      const call = { said: { type: "call", id, path, given }, repeat, asked: false, resolve, reject };
      this.#calls.set(id, call);
      if (this.role !== "waiting") this.#send(call);
    });
  }

  /** @param {{said: Said, asked: boolean}} call */
  #send(call) {
    call.asked = true;
    this.#ask(call.said);
  }

  /** @param {string} stream */
  #read(stream) {
    if (this.#streams.has(stream)) return;
    this.#streams.add(stream);
    this.#sayWhatIsRead();
  }

  #sayWhatIsRead() {
    this.#ask({ type: "reading", streams: [...this.#streams] });
  }

  #sayWatched() {
    for (const [id, { method, params }] of this.#watched) this.#ask({ type: "watch", id, method, params });
  }

  /** @param {any} event */
  #tell(event) {
    for (const listener of this.#listeners) {
      listener.queue.push(event);
      if (listener.queue.length > MAX_EVENTS) listener.queue.shift();
      listener.wake();
    }
  }

  /** @param {{queue: any[], wake: () => void}} listener */
  async *#heardBy(listener) {
    for (;;) {
      while (listener.queue.length > 0) yield listener.queue.shift();
      if (this.#error instanceof Disconnected) return;
      if (this.#error !== null) throw this.#error;
      await new Promise((resolve) => (listener.wake = () => resolve(undefined)));
    }
  }

  /**
   * @template T
   * @param {AsyncGenerator<T, void, void>} stream
   * @param {() => void} ended
   */
  async *#whileRead(stream, ended) {
    try {
      yield* stream;
    } finally {
      ended();
    }
  }
}

/** The last of what was given is a map of options, or there is none yet. @param {any[]} given */
function withKey(given) {
  const last = given.at(-1);
  const options = typeof last === "object" && last !== null && !Array.isArray(last) ? last : {};
  const rest = options === last ? given.slice(0, -1) : given;
  return [...rest, { key: newKey(KEY_BYTES, Date.now()), ...options }];
}
