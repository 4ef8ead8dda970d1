/** What somebody says to a shop, in the order of their taps: whether it can go now, who says it, where, and what became. */

/** @import { LineClient } from "./opened.js" */
/** @import { Outcome, Posts, Sent, Tap } from "./posts.js" */
/** @import { LineState } from "./state.js" */

/** @typedef {{id: string, bot: string}} Shop */

/**
 * Codes of an account that is not made, where the same word means something else of a message.
 *
 * @type {Readonly<Record<string, string>>}
 */
const NO_ACCOUNT = { FORBIDDEN: "NO_GUESTS" };
/** What is only worth doing now waits so long for a connection, and looks for it so often, hurrying (at most once a second). */
const NOW_MS = 30_000;
const LOOK_MS = 250;

/**
 * What of the line is used here. `enter` makes a guest of who is nobody, and rejects with SessionError; `hurry` has a
 * connection tried at once.
 *
 * @typedef {object} Way
 * @property {Posts} posts
 * @property {() => LineState} state
 * @property {() => boolean} online
 * @property {(shop: Shop) => Promise<LineClient>} enter
 * @property {(shop: Shop) => string} conversationOf
 * @property {() => void} hurry
 */

export class Saying {
  #way;
  /** What is said first goes first, also where the first has to make a guest. @type {Promise<unknown>} */
  #turn = Promise.resolve();

  /** @param {Way} way */
  constructor(way) {
    this.#way = way;
  }

  /** See `Line.say`. @param {Shop} shop @param {string} text @param {Tap} tap @returns {Promise<Outcome>} */
  async say(shop, text, tap) {
    const { posts, state, enter, conversationOf } = this.#way;
    if (state().state === "stopped") return { state: "refused", code: state().code, text: "" };
    if (tap.now === true && !(await this.#reachable())) return { state: "refused", code: "OFFLINE", text: "" };
    const turn = this.#turn.then(() => enter(shop));
    this.#turn = turn.catch(() => {});
    try {
      await turn;
    } catch (error) {
      const { code = "FAILED", text: words = "" } = /** @type {any} */ (error);
      return { state: "refused", code: NO_ACCOUNT[code] ?? String(code), text: words };
    }
    return posts.post(tap.conversation ?? conversationOf(shop), text, tap);
  }

  /** See `Line.post`. @param {Shop} shop @param {string} text @param {Tap} tap @returns {Promise<Sent>} */
  async post(shop, text, tap) {
    const first = await this.say(shop, text, { now: true, ...tap });
    const outcome = first.state === "waiting" ? await first.settled : first;
    if (outcome.state === "sent") return outcome;
    throw Object.assign(new Error(outcome.text || outcome.code), { code: outcome.code, text: outcome.text });
  }

  /** See `Line.drained`. @param {number} withinMs */
  async drained(withinMs) {
    const { posts } = this.#way;
    await this.#hurryUntil(() => posts.open === 0, withinMs);
    return posts.open;
  }

  /** Whether it can be said now. A server that restarts is back in seconds: so long a tap may wait, and no longer. */
  async #reachable() {
    const { state, online } = this.#way;
    const isReady = () => state().state === "connected" || state().state === "none";
    await this.#hurryUntil(() => !online() || isReady(), NOW_MS);
    return online() && isReady();
  }

  /** @param {() => boolean} holds @param {number} withinMs */
  async #hurryUntil(holds, withinMs) {
    for (const until = Date.now() + withinMs; !holds() && Date.now() < until; ) {
      this.#way.hurry();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}
