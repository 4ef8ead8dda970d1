/** What one client posts: its keys are written down before they are, and again when they are answered (`ClientJournal`). */

import { randomBytes } from "node:crypto";

import { Abandoned, Disconnected, OutboxFull, Refused, Undeliverable } from "../src/index.js";
import { hex } from "../src/wire/values.js";
import { monotonic } from "./client_journal.js";
import { remember } from "./remember.js";

/** @typedef {import("../src/values.js").Content} Content */
/** @typedef {import("../src/values.js").Posted} Posted */
/** @typedef {{conversationId: string, content: Content, key: Uint8Array}} Said */

const KEY_BYTES = 16;
/** Unanswered posts above which a client posts no more: the load is open, but bounded. */
const MAX_UNANSWERED = 200;
/** Answered posts that are remembered to be offered again. */
const MAX_REMEMBERED = 200;
/** Share of own posts that are gone with an older copy, and that a person sends again. */
const SEND_AGAIN_SHARE = 0.5;

/** The posts of one client in one life. */
export class Posts {
  #actor;
  #disk;
  #random;
  /** When each was posted (monotonic), by key. @type {Map<string, number>} */
  #unanswered = new Map();
  /** @type {Said[]} */
  #said = [];

  /**
   * @param {import("./actor.js").Actor} actor
   * @param {import("./noting_disk.js").NotingDisk} disk
   * @param {import("./random.js").Random} random
   */
  constructor(actor, disk, random) {
    this.#actor = actor;
    this.#disk = disk;
    this.#random = random;
  }

  get unanswered() {
    return this.#unanswered.size;
  }

  /** Resolves when the store has all of them: from then on they go out. */
  allTaken() {
    return this.#disk.allTaken();
  }

  /** Those that an earlier life left in the outbox. @param {Iterable<{key: Uint8Array}>} queued */
  left(queued) {
    for (const { key } of queued) this.#unanswered.set(hex(key), 0);
  }

  /** Keys of those that were made before, and have no answer now. @param {number} moment  (monotonic) */
  unansweredSince(moment) {
    return [...this.#unanswered].filter(([, since]) => since < moment).map(([key]) => key);
  }

  /**
   * Post through the outbox. Resolves with the answer, or null if there will be none; null: too many wait already.
   *
   * @param {string} conversationId
   * @param {string} text
   * @returns {Promise<Posted | null> | null}
   */
  post(conversationId, text) {
    if (this.#unanswered.size >= MAX_UNANSWERED) {
      this.#actor.counts.held_back += 1;
      return null;
    }
    const key = new Uint8Array(randomBytes(KEY_BYTES));
    const content = { type: "text", text };
    this.#actor.journal.posting(key, conversationId, content);
    this.#unanswered.set(hex(key), monotonic());
    this.#actor.counts.posted += 1;
    return this.#actor.guarded(this.#post(conversationId, content, key));
  }

  /**
   * @param {string} conversationId
   * @param {Content} content
   * @param {Uint8Array} key
   */
  async #post(conversationId, content, key) {
    let posted = null;
    try {
      const answer = this.#actor.client.post(conversationId, content, { key });
      this.#disk.made(key);
      posted = await answer;
      this.settled(key, posted, null);
    } catch (error) {
      if (error instanceof OutboxFull) this.#disk.refused(key);
      this.settled(key, null, error);
    }
    if (posted === null) return null;
    remember(this.#said, { conversationId, content, key }, MAX_REMEMBERED);
    remember(this.#actor.stored, posted, MAX_REMEMBERED);
    return posted;
  }

  /**
   * Some posts that were answered before, as an application does that was cut off and does not know.
   *
   * @param {number} count
   */
  offerAgain(count) {
    for (const said of this.#random.sample(this.#said, count)) this.#actor.guarded(this.#offerOne(said));
  }

  /** @param {{conversationId: string, content: Content, key: Uint8Array}} said */
  async #offerOne({ conversationId, content, key }) {
    this.#actor.journal.again(key);
    try {
      this.#actor.journal.answered(await this.#actor.client.post(conversationId, content, { key }));
    } catch (error) {
      if (error instanceof OutboxFull) this.#actor.counts.held_back += 1;
      else if (!(error instanceof Refused || error instanceof Undeliverable || error instanceof Abandoned)) throw error;
      else if (this.#actor.replaced.has(conversationId)) this.settled(key, null, error);
      else this.#actor.break(`${hex(key)} was answered, and then offered again: ${error}`);
    }
  }

  /**
   * @param {Uint8Array} key
   * @param {Posted | null} posted
   * @param {unknown} error
   */
  settled(key, posted, error) {
    if (error instanceof Disconnected) return; // the client leaves; the post stays in the outbox
    this.#unanswered.delete(hex(key));
    if (posted !== null) {
      this.#actor.counts.answered += 1;
      this.#actor.journal.answered(posted);
    } else if (error instanceof Abandoned) this.#actor.journal.givenUp(key);
    else if (error instanceof OutboxFull) this.#actor.counts.held_back += 1;
    else if (error instanceof Refused || error instanceof Undeliverable) this.#actor.journal.refused(key, String(error));
    else this.#actor.break(`post: ${error}`);
    this.#actor.moved();
  }

  /** Abandon the newest unanswered post of a conversation, if there is one. @param {string} conversationId */
  giveUpLast(conversationId) {
    const mine = this.#actor.client.outbox().filter((queued) => queued.conversationId === conversationId);
    const last = mine.at(-1);
    if (last === undefined || this.#actor.left) return;
    this.#actor.journal.givingUp(last.key);
    this.#actor.guarded(this.#giveUp(conversationId, last.key));
  }

  /**
   * @param {string} conversationId
   * @param {Uint8Array} key
   */
  async #giveUp(conversationId, key) {
    if ((await this.#actor.client.abandon(conversationId, key)) === null) this.#actor.counts.given_up += 1;
  }

  /** People send some of what is gone again. @param {import("../src/events.js").PostsGone} event */
  gone({ conversationId, posts }) {
    const keys = new Set(posts.map((post) => hex(post.key)));
    this.#said = this.#said.filter((said) => !keys.has(hex(said.key)));
    for (const { key, content } of posts) {
      this.#actor.journal.gone(key, content);
      if (content === null || this.#random.number() >= SEND_AGAIN_SHARE) continue;
      this.#actor.counts.sent_again += 1;
      this.#actor.guarded(this.#offerOne({ conversationId, content, key }));
    }
  }
}
