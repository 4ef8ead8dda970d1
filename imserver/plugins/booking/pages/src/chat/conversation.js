/**
 * One conversation as the screen has it: its newest messages, older ones page by page, and what changes about them. What was
 * known the last time is there at once, also without a network; what the server says takes its place.
 */

import { readMine, readReactions } from "../../../../../../clients/js/src/features/reactions.js";

/** @import { Item } from "../../../../../../clients/js/src/values.js" */
/** @import { LineClient } from "../line/opened.js" */
/** @import { Kept } from "../line/kept.js" */

/**
 * @typedef {{position: number, senderId: string, sentAt: number, key: Uint8Array, content: Readonly<Record<string, any>> |
 *   null,
 *   revision: number, reactions: {emoji: string, count: number, mine: boolean}[]}} ChatItem
 * @typedef {{name: string, isBot: boolean}} Person
 */

/** Whose reading counts: by default that of all people but oneself. @typedef {(userId: string) => boolean} Readers */

/**
 * `state`: `reading` (nothing is known yet), `known` (from the last time; being read), `ready`, `failed`. `whole`: there is
 * nothing older. `older`: what reading older messages does. `readUpTo`: by people who are no bots and not oneself.
 *
 * @typedef {object} ConversationView
 * @property {string} id
 * @property {"reading" | "known" | "ready" | "failed"} state
 * @property {readonly ChatItem[]} items  In order, without gaps.
 * @property {boolean} whole
 * @property {"idle" | "reading" | "failed"} older
 * @property {Readonly<Record<string, Person>>} people
 * @property {number} readUpTo
 * @property {string | null} typing  Who is.
 */

/** A screen or two; less costs another round trip soon, more is read by nobody. */
const PAGE = 50;
/** Messages of a conversation that are kept for the time without a network. */
const KEPT = 60;
const KEEP_AFTER_MS = 1000;
/** Without another sign, somebody has stopped typing. */
const TYPING_MS = 6000;
/** Somebody who reads on and on; beyond it the oldest are let go, and read again when wanted. */
const MAX_ITEMS = 2000;
/** One is told of at most so often. */
const TELL_TYPING_MS = 3000;
/** Wrong by a lost answer or a server that restarts; a refusal is final. */
const READ_AGAIN_MS = 3000;

export class Conversation {
  #line;
  #client;
  /** @type {Map<number, ChatItem>} */
  #items = new Map();
  /** @type {ConversationView} */
  #view;
  #changed;
  #keeps;
  #readers;
  /** @type {(() => void)[]} */
  #stops = [];
  /** @type {Record<string, ReturnType<typeof setTimeout>>} */
  #timers = {};
  #toldTypingAt = -Infinity;
  #over = false;

  /**
   * @param {string} id
   * @param {{heard: (listener: (message: any) => void) => () => void, told: (listener: (event: any) => void) => () => void,
   *   kept: Kept | null}} line
   * @param {LineClient | null} client  Null: not connected since the page was opened; what is kept is all.
   * @param {(view: ConversationView, arrived: ChatItem | null) => void} changed  `arrived`: this came just now, from another
   *   one.
   * @param {{keeps?: boolean, readers?: Readers}} [how]  `keeps`: for the time without a network.
   */
  constructor(id, line, client, changed, { keeps = true, readers = () => true } = {}) {
    this.#line = line;
    this.#client = client;
    this.#changed = changed;
    this.#keeps = keeps;
    this.#readers = readers;
    this.#view = Object.freeze({
      id, state: "reading", items: [], whole: false, older: "idle", people: {}, readUpTo: 0, typing: null,
    });
  }

  get view() {
    return this.#view;
  }

  /** Begin: what is kept, then what the server has. */
  async open() {
    await this.#recall();
    if (this.#client === null || this.#over) return;
    const { id } = this.#view;
    this.#stops.push(this.#line.heard((message) => this.#message(message)));
    this.#stops.push(this.#line.told((event) => void (event.conversationId === id && this.#events[event.type]?.(event))));
    this.#client.call.show(id).catch(() => {});
    await this.#read();
  }

  /** No screen shows it any more. */
  close() {
    this.#over = true;
    for (const stop of this.#stops) stop();
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    if (this.#stops.length > 0) void this.#keep();
    this.#client?.call.hide(this.#view.id).catch(() => {});
  }

  /** Older messages, a page. */
  async more() {
    const { id, items, older, whole } = this.#view;
    if (this.#client === null || older === "reading" || whole || items.length === 0) return;
    this.#set({ older: "reading" });
    try {
      const page = await this.#client.call.history(id, { before: items[0].position, limit: PAGE });
      for (const item of page.items) this.#put(item);
      this.#set({ older: "idle", whole: page.items.length === 0 || page.first <= 1 });
    } catch {
      this.#set({ older: "failed" });
    }
  }

  /** All up to it was seen by a person. @param {number} position */
  seen(position) {
    this.#client?.call.markRead(this.#view.id, position).catch(() => {});
  }

  /** The person is writing. */
  typing() {
    const now = Date.now();
    if (now - this.#toldTypingAt < TELL_TYPING_MS) return;
    this.#toldTypingAt = now;
    this.#client?.call.typing.tell(this.#view.id).catch(() => {});
  }

  // -- reading --------------------------------------------------------------------------------------------------------------

  async #recall() {
    const kept = this.#keeps ? await this.#line.kept?.get(`chat:${this.#view.id}`) : undefined;
    if (this.#over || !Array.isArray(kept?.items)) return;
    for (const item of kept.items) this.#items.set(item.position, item);
    this.#set({ state: "known", people: kept.people ?? {}, readUpTo: kept.readUpTo ?? 0 });
  }

  /** The newest page, until it is there. What was known and is not joined to it goes. */
  async #read() {
    const client = /** @type {LineClient} */ (this.#client);
    const { id } = this.#view;
    try {
      const page = await client.call.history(id, { limit: PAGE });
      if (this.#over) return;
      const known = [...this.#items.keys()];
      const joined = known.some((position) => position >= page.first - 1) && known.every((position) => position <= page.head);
      if (!joined) this.#items.clear();
      for (const item of page.items) this.#put(item);
      this.#set({ state: "ready", whole: Math.min(page.first, ...this.#items.keys()) <= 1 });
      await this.#people(); // first: a bot's cursor is nobody's reading
      await this.#cursors(client);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {any} error */
  #failed(error) {
    if (this.#over) return;
    // There is no such conversation before the first message, and a direct one has none to read.
    if (error.name === "Refused" && this.#items.size === 0) return this.#set({ state: "ready", whole: true });
    this.#set({ state: this.#items.size > 0 ? "known" : "failed" });
    if (error.name !== "Stopped" && error.name !== "Disconnected") this.#after("read", READ_AGAIN_MS, () => void this.#read());
  }

  async #people() {
    const client = /** @type {LineClient} */ (this.#client);
    const senders = new Set(this.#view.items.map(({ senderId }) => senderId));
    const unknown = [...senders].filter((userId) => this.#view.people[userId] === undefined);
    if (unknown.length === 0) return;
    const users = await client.call.users(unknown);
    const found = Object.fromEntries(users.map(({ userId, displayName, isBot }) => [userId, { name: displayName, isBot }]));
    this.#set({ people: { ...this.#view.people, ...found } });
  }

  /** @param {LineClient} client */
  async #cursors(client) {
    const cursors = await client.call.cursors(this.#view.id);
    for (const [userId, cursor] of cursors) this.#readBy(userId, cursor.read);
  }

  /** @param {string} userId @param {number} position */
  #readBy(userId, position) {
    const { people, readUpTo } = this.#view;
    // A bot answers and reads nothing; of somebody who never wrote here it is not known what they are.
    const person = userId !== this.#client?.userId && !this.#isBot(userId, people) && this.#readers(userId);
    if (person && position > readUpTo) this.#set({ readUpTo: position });
  }

  /** @param {string} userId @param {Readonly<Record<string, Person>>} people */
  #isBot(userId, people) {
    return people[userId]?.isBot ?? this.#view.id.startsWith("direct/");
  }

  // -- what comes -----------------------------------------------------------------------------------------------------------

  /** @param {any} message */
  #message(message) {
    if (message.conversationId !== this.#view.id) return;
    const newest = this.#view.items[this.#view.items.length - 1]?.position ?? 0;
    const item = this.#put(message);
    const told = message.content?.type === "system" ? message.content : null;
    if (told?.event === "retracted") this.#change(told.target, (one) => ({ ...one, content: null, revision: told.revision }));
    if (message.senderId === this.#view.typing) this.#set({ typing: null });
    const fresh = message.position > newest && !message.own && told === null;
    const known = this.#view.people[message.senderId] !== undefined;
    this.#set({}, fresh && known ? item : null);
    if (newest > 0 && message.position > newest + 1) void this.#read();
    // Whoever hears that something came hears from whom.
    if (!known) void this.#people().catch(() => {}).then(() => fresh && this.#set({}, item));
  }

  /** @type {Record<string, (event: any) => void>} */
  #events = {
    edited: ({ position, revision, content }) => this.#change(position, (one) => ({ ...one, content, revision })),
    retracted: ({ position, revision }) => this.#change(position, (one) => ({ ...one, content: null, revision })),
    itemChanged: ({ position, extra, mine }) =>
      this.#change(position, (one) => ({ ...one, reactions: reactionsOf(extra, mine) })),
    cursorMoved: ({ userId, cursor }) => this.#readBy(userId, cursor.read),
    typing: ({ userId }) => this.#typing(userId),
    historyReplaced: ({ agreed }) => this.#replaced(agreed),
  };

  /** @param {string} userId */
  #typing(userId) {
    if (userId === this.#client?.userId) return;
    this.#set({ typing: userId });
    this.#after("typing", TYPING_MS, () => this.#set({ typing: null }));
  }

  /** An older copy of the records is back: above `agreed` everything is another one. @param {number | null} agreed */
  #replaced(agreed) {
    for (const position of [...this.#items.keys()]) if (position > (agreed ?? 0)) this.#items.delete(position);
    this.#set({ state: "known", readUpTo: Math.min(this.#view.readUpTo, agreed ?? 0) });
    void this.#read();
  }

  /** @param {number} position @param {(item: ChatItem) => ChatItem} change */
  #change(position, change) {
    const item = this.#items.get(position);
    if (item === undefined) return;
    this.#items.set(position, change(item));
    this.#set({});
  }

  // -- state ----------------------------------------------------------------------------------------------------------------

  /** Of two contents of one position the one with the higher revision is right (SPEC 11.3). @param {Item | any} item */
  #put(item) {
    const { position, senderId, sentAt, key, content, revision, extra, mine } = item;
    const known = this.#items.get(position);
    const reactions = extra === undefined ? (known?.reactions ?? []) : reactionsOf(extra, mine);
    const made = { position, senderId, sentAt, key, content, revision, reactions };
    if (known === undefined || known.revision <= revision) this.#items.set(position, made);
    return /** @type {ChatItem} */ (this.#items.get(position));
  }

  /** @param {Partial<ConversationView>} patch @param {ChatItem | null} [arrived] */
  #set(patch, arrived = null) {
    if (this.#over) return;
    const items = [...this.#items.values()].sort((one, other) => one.position - other.position);
    for (const item of items.splice(0, Math.max(0, items.length - MAX_ITEMS))) this.#items.delete(item.position);
    this.#view = Object.freeze({ ...this.#view, ...patch, items: unbroken(items) });
    this.#after("keep", KEEP_AFTER_MS, () => void this.#keep());
    this.#changed(this.#view, arrived);
  }

  async #keep() {
    const { id, items, people, readUpTo, state } = this.#view;
    if (this.#keeps && state === "ready") await this.#line.kept?.put(`chat:${id}`, { items: items.slice(-KEPT).map(plain), people, readUpTo });
  }

  /** @param {string} name @param {number} ms @param {() => void} run */
  #after(name, ms, run) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(() => void (!this.#over && run()), ms);
  }
}

/** The end of it that has no gap: what is missing is on its way. @param {ChatItem[]} items */
function unbroken(items) {
  let from = items.length - 1;
  while (from > 0 && items[from - 1].position === items[from].position - 1) from -= 1;
  return from > 0 ? items.slice(from) : items;
}

/**
 * Contents that arrive have no prototype, and may hold what IndexedDB cannot clone only if that is so.
 *
 * @param {ChatItem} item
 */
const plain = (item) => ({ ...item, content: item.content === null ? null : { ...item.content } });

/** @param {any} extra @param {any} mine */
function reactionsOf(extra, mine) {
  const own = new Set(readMine(mine?.reactions));
  return readReactions(extra?.reactions).shown.map(({ emoji, count }) => ({ emoji, count, mine: own.has(emoji) }));
}
