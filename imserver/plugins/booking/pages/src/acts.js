/** What taps do: each posts a command that one could type, and waits until the shop's answer is on the screen. */

import { codeOf } from "./readings.js";

/** @typedef {import("./shapes.js").PageState} PageState */
/** @typedef {import("./shapes.js").Mine} Mine */
/** @typedef {import("./shapes.js").Message} Message */
/** @typedef {import("./shapes.js").Act} Act */

/** From when on a screen says that it takes longer. */
const SLOW_MS = 1200;
/**
 * The bot's answer came: so long the hint that something changed, which is on its way beside it, has time to have it read. A read
 * of one's own at once would be the second of two, and the page would work out both before it shows either.
 */
const HINT_MS = 150;
/** The bot's answer came, but what was asked for did not: for so long the rest of its answer may still be on its way. */
const REFUSED_MS = 1500;
/** Without any answer. The post stays in the outbox and goes out: the screen says so and lets go. */
const GIVE_UP_MS = 30_000;
/** The same from the tap on, of a post that the server has not taken. The line refuses one that it has not begun sooner. */
const NOT_TAKEN_MS = 45_000;

/** Whether it is under way or waits its turn, of these names if any are given. @param {Act | null} act @param {string[]} names */
export const isGoing = (act, ...names) =>
  (act?.state === "sending" || act?.state === "slow" || act?.state === "waiting") && (names.length === 0 || names.includes(act.name));

/**
 * What is known of a tap on this ("": on anything), of these names if any are given.
 *
 * @param {Pick<PageState, "act" | "others">} state @param {string} target @param {string[]} names
 */
export const actOf = ({ act, others }, target, ...names) =>
  [act, ...others].find((one) =>
    one !== null && (target === "" || one.target === target) && (names.length === 0 || names.includes(one.name))) ?? null;

/** Whether a tap waits for a server that is away. @param {PageState} state */
export const awaitsServer = ({ act, line }) => act?.state === "slow" && line.state === "waiting";

/** Whether it came to nothing. @param {Act | null} act @param {string[]} names @returns {act is Act} */
export const cameToNothing = (act, ...names) =>
  (act?.state === "failed" || act?.state === "refused") && names.includes(act.name);

/**
 * What acts change: as it was last read, and read anew (null where that fails).
 *
 * @template Known
 * @typedef {{now: () => Known | null, read: () => Promise<Known | null>}} Source
 */

/** @template [Known=Mine]  By default one's appointments. */
export class Acts {
  #store;
  #line;
  #source;

  /**
   * @param {{store: import("./store.js").Store<PageState>, line: import("./shapes.js").Line, source: Source<Known>}} parts
   */
  constructor({ store, line, source }) {
    this.#store = store;
    this.#line = line;
    this.#source = source;
  }

  /**
   * Post a command for a shop. Resolves with true once `reached` holds of what is known, which the server may tell before the
   * post has its answer; with false if it was refused or failed: the state's `act` says how. While another is under way it
   * waits its turn, or two answers of the bot were taken for one another's; a second tap on the same does nothing.
   *
   * @param {string} name
   * @param {string} target
   * @param {{id: string, bot: string}} shop
   * @param {string} command
   * @param {(known: Known) => boolean} reached
   * @param {(known: Known) => boolean} [lost]  Once the bot has answered: it is refused, and nothing more comes.
   * @param {import("./line/posts.js").Tap} [tap]
   */
  async do(name, target, shop, command, reached, lost = () => false, tap = {}) {
    const turn = this.#turn(name, target);
    if (turn !== true && !(await turn)) return false; // not awaited where it is free: the screen shows the tap at once
    if (!this.#store.get().reachable) return this.#end(name, target, "failed", "NO_NETWORK");
    this.#set({ name, target, state: "sending", code: "", words: "" });
    const slow = setTimeout(() => this.#slow(name, target), SLOW_MS);
    /** @type {Message[]} */
    const answers = [];
    const stop = this.#line.heard((message) => void (message.senderId === shop.bot && answers.push(message)));
    // What was so at the tap says nothing of it.
    const before = this.#holds(reached);
    try {
      const posting = inTime(this.#line.post(shop, command, tap));
      /** @type {import("./shapes.js").Posted | null} */
      let posted = null;
      void posting.then((one) => (posted = one), () => {});
      // Older messages may come at the same time: this browser was away, and the first act connects it.
      const answered = () => (posted === null ? [] : answers.filter((message) => isBehind(message, /** @type {any} */ (posted))));
      if (await this.#settled({ reached, lost, before }, answered, posting)) return this.#end(name, target, "done", "");
      // The shop may have done it: of a server of another version nobody here can say.
      if (this.#store.get().mine.code === "OUTDATED") return this.#end(name, target, "failed", "OUTDATED");
      const said = answered();
      if (said.length === 0) return this.#end(name, target, "failed", "SLOW");
      return this.#end(name, target, "refused", "", wordsOf(said[said.length - 1]));
    } catch (error) {
      return this.#end(name, target, "failed", codeOf(error));
    } finally {
      clearTimeout(slow);
      stop();
    }
  }

  /** Forget how the last act ended: its words were read. */
  forget() {
    const { act, others } = this.#store.get();
    this.#store.set({ act: isGoing(act) ? act : null, others: others.filter((one) => isGoing(one)) });
  }

  /**
   * Wait until none is under way, behind those that wait already. False: it waits no more, for the page forgot whose it was; or
   * it is a second tap. Who has just ended one goes on first: its screen may have a second step.
   *
   * @param {string} name @param {string} target @returns {boolean | Promise<boolean>}
   */
  #turn(name, target) {
    const { act, others } = this.#store.get();
    if (!isGoing(act)) return true;
    if ([act, ...others].some((one) => isGoing(one, name) && one?.target === target)) return false;
    /** @type {Act} */
    const mine = { name, target, state: "waiting", code: "", words: "" };
    this.#store.set({ others: [...others.filter((one) => isGoing(one) || one.target !== target), mine] });
    return new Promise((resolve) => {
      const look = () => {
        const { act: now, others: all } = this.#store.get();
        const waits = all.includes(mine);
        if (waits && (isGoing(now) || all.find((one) => isGoing(one)) !== mine)) return;
        stop();
        if (waits) this.#store.set({ others: [...all.filter((one) => one !== mine), ...unread(now)] });
        resolve(waits);
      };
      const stop = this.#store.subscribe(() => void setTimeout(look));
    });
  }

  /**
   * Whether what was asked for came about. The bot's answer is a signal to read what is known, too: the hint that it changed
   * may be lost with the line, and comes ten times a second at most.
   *
   * @param {{reached: (known: Known) => boolean, lost: (known: Known) => boolean, before: boolean}} ends  `before`: it was
   *   reached at the tap.
   * @param {() => Message[]} answered
   * @param {Promise<unknown>} posting  Its error is the end, unless the shop has answered before.
   * @returns {Promise<boolean>}
   */
  #settled({ reached, lost, before }, answered, posting) {
    return new Promise((resolve, reject) => {
      let heard = 0;
      let isOver = false;
      /** @type {ReturnType<typeof setTimeout> | undefined} */
      let asking;
      /** @type {ReturnType<typeof setTimeout> | undefined} */
      let refusal;
      /** @type {ReturnType<typeof setTimeout> | undefined} */
      let deadline;
      const over = () => {
        isOver = true;
        clearTimeout(asking);
        clearTimeout(refusal);
        clearTimeout(deadline);
        unsubscribe();
        stop();
      };
      const finish = (/** @type {boolean} */ value) => {
        over();
        resolve(value);
      };
      let counts = !before;
      const look = () => void (counts && this.#holds(reached) && finish(true));
      const ask = () => {
        const count = answered().length;
        if (count === heard) return;
        heard = count;
        clearTimeout(asking);
        asking = setTimeout(read, HINT_MS);
      };
      const read = async () => {
        const known = await this.#source.read();
        if (isOver) return;
        look();
        if (known && lost(known)) finish(false);
        refusal ??= setTimeout(() => finish(false), REFUSED_MS);
      };
      const unsubscribe = this.#store.subscribe(look);
      const stop = this.#line.heard(ask);
      const taken = () => {
        if (isOver) return;
        counts = true;
        deadline = setTimeout(() => finish(false), GIVE_UP_MS);
        ask();
        look();
      };
      posting.then(taken, (error) => {
        over();
        reject(error);
      });
      look();
    });
  }

  /** @param {(known: Known) => boolean} reached */
  #holds(reached) {
    const known = this.#source.now();
    return known !== null && reached(known);
  }

  /** @param {string} name @param {string} target */
  #slow(name, target) {
    const { act } = this.#store.get();
    if (act?.name === name && act.target === target && act.state === "sending") this.#set({ ...act, state: "slow" });
  }

  /** @param {string} name @param {string} target @param {Act["state"]} state @param {string} code @param {string} [words] */
  #end(name, target, state, code, words = "") {
    this.#set({ name, target, state, code, words });
    return state === "done";
  }

  /** @param {Act} act */
  #set(act) {
    this.#store.set({ act });
  }
}

/** What came to nothing stays in sight while the next one, which was tapped before, is under way. @param {Act | null} act */
const unread = (act) => (act !== null && cameToNothing(act, act.name) ? [act] : []);

/**
 * The same, or after `NOT_TAKEN_MS` an error with the code SLOW.
 *
 * @template T
 * @param {Promise<T>} posting
 * @returns {Promise<T>}
 */
function inTime(posting) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(Object.assign(new Error("not taken yet"), { code: "SLOW" })), NOT_TAKEN_MS);
    posting.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * Whether a message is newer than a post, in the same conversation or another.
 *
 * @param {Message} message
 * @param {import("./shapes.js").Posted} posted
 */
function isBehind({ conversationId, position, sentAt }, posted) {
  return conversationId === posted.conversationId ? position > posted.position : sentAt >= posted.sentAt;
}

/** What a message says: its text, or a card's. @param {Message | undefined} message */
function wordsOf(message) {
  const { title, text } = message?.content ?? {};
  return [title, text].filter((one) => typeof one === "string" && one !== "").join("\n");
}
