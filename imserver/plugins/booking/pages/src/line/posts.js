/**
 * Posts of this page until each has its answer: through tabs that change, clients that end and begin, the back/forward cache. The key
 * of a post is made once, when somebody taps; under it the server stores one message, however often it is offered.
 */

/** @import { TabClient } from "../../../../../../clients/js/src/tabs/tab_client.js" */

/**
 * `waiting`: kept, and sent by itself later; `settled` then has the outcome. `refused`: nothing was stored; `code` names why (OFFLINE,
 * TOO_LONG, a refusal of the protocol, …), `text` is the server's line about it, or "".
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

/** @typedef {{conversationId: string, key: Uint8Array, content: {type: "text", text: string, label?: string, card?: number},
 *   settle: (outcome: Sent | Refused) => void, settled: Promise<Sent | Refused>, since: number}} WaitingPost */

/** What one may type (the bot reads as much). */
export const MAX_CHARACTERS = 10_000;
/** Encoded contents are at most 32 KiB; the map around the text takes the rest. */
const MAX_BYTES = 32_000;
/** Without an answer for so long, the page says that it waits. */
const PATIENCE_MS = 2500;
const KEY_BYTES = 16;
/** Ends of a client that say nothing of a post's fate: it is offered again, to the next one. */
const NO_ANSWER = new Set(["Disconnected", "Stopped", "StoreError"]);
/** Names of codes (SPEC 14.2) that a page has words for. @type {Readonly<Record<number, string>>} */
const REFUSALS = { 600: "INVALID", 602: "FORBIDDEN", 603: "NOT_FOUND", 606: "TOO_LARGE", 609: "QUOTA" };

export class Posts {
  /** By key, oldest first. @type {Map<string, WaitingPost>} */
  #waiting = new Map();
  /** @type {TabClient | null} */
  #tab = null;
  #lineWaits;

  /** @param {() => boolean} lineWaits  Whether there is no connection now. */
  constructor(lineWaits) {
    this.#lineWaits = lineWaits;
  }

  /** @returns {readonly WaitingPost[]} */
  get waiting() {
    return [...this.#waiting.values()];
  }

  /**
   * @param {string} conversationId
   * @param {string} text
   * @param {Tap} tap
   * @returns {Promise<Outcome>}
   */
  async post(conversationId, text, { label, card, key = newKey() }) {
    if ([...text].length > MAX_CHARACTERS || bytesOf(text) > MAX_BYTES) return { state: "refused", code: "TOO_LONG", text: "" };
    const content = { type: /** @type {const} */ ("text"), text, ...(label === undefined ? {} : { label, card }) };
    /** @type {(outcome: Sent | Refused) => void} */
    let settle = () => {};
    const settled = /** @type {Promise<Sent | Refused>} */ (new Promise((resolve) => (settle = resolve)));
    const post = { conversationId, key, content, settle, settled, since: Date.now() };
    this.#waiting.set(hex(key), post);
    this.#offer(post);
    const late = /** @type {Waiting} */ ({ state: "waiting", settled });
    const patience = this.#lineWaits() ? 0 : PATIENCE_MS;
    return Promise.race([settled, new Promise((resolve) => setTimeout(() => resolve(late), patience))]);
  }

  /** There is a client: everything that waits is offered, in its order. @param {TabClient} tab */
  goThrough(tab) {
    this.#tab = tab;
    for (const post of this.#waiting.values()) this.#offer(post);
  }

  /** There is none for now. */
  hold() {
    this.#tab = null;
  }

  /** There will be none. @param {string} code */
  refuseAll(code) {
    for (const post of [...this.#waiting.values()]) this.#settle(post, { state: "refused", code, text: "" });
  }

  /** The client tells of a post that no call waits for. @param {{key: Uint8Array, posted: any, error: any}} told */
  settled({ key, posted, error }) {
    const post = this.#waiting.get(hex(key));
    if (post === undefined) return;
    if (posted !== null) this.#stored(post, posted);
    else this.#failed(post, error);
  }

  /** @param {WaitingPost} post */
  #offer(post) {
    const { conversationId, content, key } = post;
    this.#tab?.post(conversationId, content, { key }).then((posted) => this.#stored(post, posted), (error) => this.#failed(post, error));
  }

  /** @param {WaitingPost} post @param {{position: number, sentAt: number}} posted */
  #stored(post, { position, sentAt }) {
    this.#settle(post, { state: "sent", conversationId: post.conversationId, position, sentAt });
  }

  /** @param {WaitingPost} post @param {any} error */
  #failed(post, error) {
    if (error.name === "StoreError" && error.reason === "full") {
      return this.#settle(post, { state: "refused", code: "FULL", text: "" });
    }
    if (NO_ANSWER.has(error.name)) return;
    const code = { Misuse: "INVALID", OutboxFull: "TOO_MANY" }[/** @type {string} */ (error.name)] ?? REFUSALS[error.code] ?? "REFUSED";
    this.#settle(post, { state: "refused", code, text: error.text ?? "" });
  }

  /** @param {WaitingPost} post @param {Sent | Refused} outcome */
  #settle(post, outcome) {
    this.#waiting.delete(hex(post.key));
    post.settle(outcome);
  }
}

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
