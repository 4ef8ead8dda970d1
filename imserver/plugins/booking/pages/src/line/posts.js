/**
 * Posts of this page until each has its answer: through tabs that change, clients that end and begin, reloads, the
 * back/forward cache. The key of a post is made once, when somebody taps; under it the server stores one message, however
 * often it is offered.
 */

/** @import { TabClient } from "../../../../../../clients/js/src/tabs/tab_client.js" */
/** @import { Kept } from "./kept.js" */

/**
 * `waiting`: kept, and sent by itself later; `settled` then has the outcome. `refused`: nothing was stored; `code` names why
 * (OFFLINE, TOO_LONG, a refusal of the protocol, …), `text` is the server's line about it, or "".
 *
 * @typedef {{state: "sent", conversationId: string, position: number, sentAt: number}} Sent
 * @typedef {{state: "refused", code: string, text: string}} Refused
 * @typedef {{state: "waiting", settled: Promise<Sent | Refused>}} Waiting
 * @typedef {Sent | Refused | Waiting} Outcome
 */

/**
 * How something is said: `label` and `card` (its position) name the button that was pressed; `now`: without a connection it is
 * refused (OFFLINE) instead of sent later; `conversation`: there and not where the shop speaks; `key` of a repeated tap.
 *
 * @typedef {{label?: string, card?: number, conversation?: string, now?: boolean, key?: Uint8Array}} Tap
 */

/**
 * A post as screens see it. `refused`: it stays until somebody repeats or discards it.
 *
 * @typedef {{name: string, conversationId: string, key: Uint8Array, text: string, label?: string, card?: number, language?: string,
 *   since: number, refused: Refused | null}} Post
 */

/** @typedef {{post: Post, now: boolean, settled: Promise<Sent | Refused>, settle: (outcome: Sent | Refused) => void}} Entry */

/** What one may type (the bot reads as much). */
export const MAX_CHARACTERS = 10_000;
/** Encoded contents are at most 32 KiB; the map around the text takes the rest. */
const MAX_BYTES = 32_000;
/** Without an answer for so long, the page says that it waits. */
const PATIENCE_MS = 2500;
const KEY_BYTES = 16;
const KEPT = "post:";
/** Ends of a client that say nothing of a post's fate: it is offered again, to the next one. */
const NO_ANSWER = new Set(["Disconnected", "Stopped", "StoreError"]);
/** Codes (SPEC 14.2) and errors that a page has words for. @type {Readonly<Record<string | number, string>>} */
const REFUSALS = {
  600: "INVALID", 602: "FORBIDDEN", 603: "NOT_FOUND", 606: "TOO_LONG", 609: "QUOTA", Misuse: "INVALID", OutboxFull: "TOO_MANY",
};

export class Posts {
  /** By key, oldest first. @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {TabClient | null} */
  #tab = null;
  /** @type {Kept | null} */
  #kept = null;
  #lineWaits;
  #changed;
  #full;
  #language;

  /**
   * @param {() => boolean} lineWaits  Whether there is no connection now.
   * @param {() => void} changed  `listed` is another one.
   * @param {() => void} full  The browser has no room to keep a post: it waits for a client that keeps nothing.
   * @param {() => string | undefined} language  In which the shop is to answer this; undefined: as it knows this person.
   */
  constructor(lineWaits, changed, full, language) {
    this.#lineWaits = lineWaits;
    this.#changed = changed;
    this.#full = full;
    this.#language = language;
  }

  /** Without an answer, or refused. @returns {Post[]} */
  get listed() {
    return [...this.#entries.values()].filter(({ now }) => !now).map(({ post }) => post);
  }

  /**
   * @param {string} conversationId
   * @param {string} text
   * @param {Tap} tap
   * @returns {Promise<Outcome>}
   */
  async post(conversationId, text, { label, card, key = newKey(), now = false }) {
    if ([...text].length > MAX_CHARACTERS || bytesOf(text) > MAX_BYTES) return { state: "refused", code: "TOO_LONG", text: "" };
    const pressed = label === undefined ? {} : { label, card };
    const language = this.#language(); // of now: under its key it is the same whenever it is offered
    const spoken = language === undefined ? {} : { language };
    const post = { name: hex(key), conversationId, key, text, ...pressed, ...spoken, since: Date.now(), refused: null };
    const { settled } = this.#enter(post, now);
    if (!now) void this.#kept?.put(KEPT + post.name, post);
    this.#changed();
    const patience = this.#lineWaits() ? 0 : PATIENCE_MS;
    /** @type {Promise<Waiting>} */
    const late = new Promise((resolve) => setTimeout(() => resolve({ state: "waiting", settled }), patience));
    return Promise.race([settled, late]);
  }

  /** A refused one, once more. @param {string} name */
  again(name) {
    const entry = this.#entries.get(name);
    if (!entry?.post.refused) return;
    this.#enter({ ...entry.post, refused: null }, entry.now);
    this.#changed();
  }

  /** A refused one is given up. @param {string} name */
  discard(name) {
    if (this.#entries.get(name)?.post.refused) this.#remove(name);
  }

  /**
   * An older copy of the records is back, and these are not in it. Words are offered again, by a tap; buttons were about what
   * is gone, too.
   *
   * @param {string} conversationId
   * @param {readonly {key: Uint8Array, content: Readonly<Record<string, any>> | null}[]} posts
   */
  lost(conversationId, posts) {
    for (const { key, content } of posts) {
      if (typeof content?.text !== "string" || content.label !== undefined || content.text.startsWith("/")) continue;
      const refused = /** @type {Refused} */ ({ state: "refused", code: "LOST", text: "" });
      const post = { name: hex(key), conversationId, key, text: content.text, since: Date.now(), refused };
      this.#enter(post, false, false);
      void this.#kept?.put(KEPT + post.name, post);
    }
    this.#changed();
  }

  // -- this browser goes on as another account -------------------------------------------------------------------------------

  /** How many have no answer. */
  get open() {
    return [...this.#entries.values()].filter(({ post }) => post.refused === null).length;
  }

  /**
   * Words that were not sent, of this page and of other tabs, go along. Resolves with how: to be called when it is that
   * account. Buttons were about what this one was shown, as in `lost`.
   *
   * @template Shop
   * @param {Kept | null} kept
   * @param {readonly Shop[]} shops  With which the same person goes on speaking; none: nothing goes along.
   * @param {(shop: Shop) => string[]} placesOf  Where each has been spoken with.
   * @returns {Promise<(kept: Kept | null, placeOf: (shop: Shop) => string) => Promise<void>>}
   */
  async leave(kept, shops, placesOf) {
    const left = shops.length === 0 ? [] : await this.#left(kept);
    const spoken = shops.map((shop) => ({ shop, places: placesOf(shop) }));
    return async (keptNow, placeOf) => {
      for (const post of left) {
        const { shop } = spoken.find(({ places }) => places.includes(post.conversationId)) ?? spoken[0];
        await moved(keptNow, post, placeOf(shop));
      }
    };
  }

  /** @param {Kept | null} kept */
  async #left(kept) {
    const found = new Map([...this.#entries].map(([name, { post }]) => [name, post]));
    for (const post of (await kept?.all(KEPT)) ?? []) if (isPost(post) && !found.has(post.name)) found.set(post.name, post);
    return [...found.values()].filter(({ text, label }) => label === undefined && !text.startsWith("/"));
  }

  // -- the client's coming and going ----------------------------------------------------------------------------------------

  /**
   * There is a client: what waits is offered, in its order; also what an earlier page kept.
   *
   * @param {TabClient} tab
   * @param {Kept | null} kept
   */
  async goThrough(tab, kept) {
    this.#tab = tab;
    this.#kept = kept;
    const earlier = (await kept?.all(KEPT)) ?? [];
    for (const post of earlier) if (isPost(post) && !this.#entries.has(post.name)) this.#enter(post, false, false);
    this.#changed();
    for (const entry of this.#entries.values()) if (entry.post.refused === null) this.#offer(entry);
  }

  /** There is none for now. */
  hold() {
    this.#tab = null;
  }

  /** There will be none. @param {string} code */
  refuseAll(code) {
    for (const entry of [...this.#entries.values()]) {
      entry.settle({ state: "refused", code, text: "" });
      this.#entries.delete(entry.post.name);
    }
    this.#changed();
  }

  /** The client tells of a post that no call waits for. @param {{key: Uint8Array, posted: any, error: any}} told */
  settled({ key, posted, error }) {
    const entry = this.#entries.get(hex(key));
    if (entry === undefined) return;
    if (posted !== null) this.#stored(entry, posted);
    else this.#failed(entry, error);
  }

  // -- within ---------------------------------------------------------------------------------------------------------------

  /** @param {Post} post @param {boolean} now @param {boolean} [offer] @returns {Entry} */
  #enter(post, now, offer = true) {
    /** @type {(outcome: Sent | Refused) => void} */
    let settle = () => {};
    const settled = /** @type {Promise<Sent | Refused>} */ (new Promise((resolve) => (settle = resolve)));
    const entry = { post, now, settled, settle };
    this.#entries.set(post.name, entry);
    if (offer) this.#offer(entry);
    return entry;
  }

  /** @param {Entry} entry */
  #offer(entry) {
    const { conversationId, text, label, card, language, key } = entry.post;
    const spoken = language === undefined ? {} : { "x-language": language };
    const content = { type: "text", text, ...(label === undefined ? {} : { label, card }), ...spoken };
    const posting = this.#tab?.post(conversationId, content, { key, now: entry.now });
    posting?.then((posted) => this.#stored(entry, posted), (error) => this.#failed(entry, error));
  }

  /** @param {Entry} entry @param {{position: number, sentAt: number}} posted */
  #stored(entry, { position, sentAt }) {
    if (this.#entries.get(entry.post.name) !== entry) return;
    entry.settle({ state: "sent", conversationId: entry.post.conversationId, position, sentAt });
    this.#remove(entry.post.name);
  }

  /** @param {Entry} entry @param {any} error */
  #failed(entry, error) {
    if (this.#entries.get(entry.post.name) !== entry) return;
    if (error.name === "StoreError" && error.reason === "full") return this.#full();
    if (NO_ANSWER.has(error.name)) return;
    const code = REFUSALS[error.name] ?? REFUSALS[error.code] ?? "REFUSED";
    const refused = /** @type {Refused} */ ({ state: "refused", code, text: error.text ?? "" });
    entry.settle(refused);
    if (entry.now) return this.#remove(entry.post.name);
    entry.post = { ...entry.post, refused };
    void this.#kept?.put(KEPT + entry.post.name, entry.post);
    this.#changed();
  }

  /** @param {string} name */
  #remove(name) {
    this.#entries.delete(name);
    void this.#kept?.put(KEPT + name, undefined);
    this.#changed();
  }
}

/**
 * Keep such a post for the page that is loaded next: refused, so that a person decides, for it may have arrived. It is another
 * one to the server, as its sender is.
 *
 * @param {Kept | null} kept @param {Post} post @param {string} conversationId
 */
async function moved(kept, { text, since }, conversationId) {
  const key = newKey();
  const refused = /** @type {Refused} */ ({ state: "refused", code: "MOVED", text: "" });
  await kept?.put(KEPT + hex(key), { name: hex(key), conversationId, key, text, since, refused });
}

/** @param {any} value  Kept by a page that may have been of another version. @returns {value is Post} */
const isPost = (value) => typeof value?.name === "string" && typeof value.text === "string" && value.key instanceof Uint8Array;

/** Behind the time, as the client makes them: the server's index likes keys that grow. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  for (let at = 5, rest = Date.now(); at >= 0; at -= 1, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
  return bytes;
}

/** @param {Uint8Array} bytes */
export const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {string} text  UTF-8. */
const bytesOf = (text) => new TextEncoder().encode(text).length;
