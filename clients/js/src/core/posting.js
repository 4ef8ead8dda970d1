/** Gets posts to the server exactly once: ties outbox, store, requests and waiting calls together. */

import { contentFault, readContent } from "../contents.js";
import { Abandoned, isRetryable, Misuse, OutboxFull, Refused, Undeliverable } from "../errors.js";
import { encodeContent } from "../wire/encode.js";
import { DEFAULT_LIMITS } from "../wire/limits.js";
import { POST } from "../wire/methods.js";
import { BadShape } from "../wire/shapes.js";
import { utf8Length, Utf8Error } from "../wire/utf8.js";
import { EncodeError, fromHex, hex, plainValue, sameBytes } from "../wire/values.js";
import { Delays } from "./delays.js";
import { GivingUp } from "./giving_up.js";
import { Outbox } from "./outbox.js";
import { SessionLost } from "./requests.js";

/** @typedef {import("../errors.js").ClientError} ClientError */
/** @typedef {import("../values.js").Posted} Posted */
/** @typedef {import("../values.js").Content} Content */
/** @typedef {import("./outbox.js").Entry} Entry */
/** @typedef {import("./requests.js").Answer} Answer */
/** @typedef {{resolve: (posted: Posted) => void, reject: (error: unknown) => void}} Waiter */

const MAX_CONVERSATION_ID_BYTES = 1024;

/** `post` and `abandon`, and offering the outbox whenever there is room. */
export class Posting {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    this.outbox = new Outbox();
    this._delays = new Delays((event) => core.announce(event), core.timers, core.limits.delayOverAfterMs);
    this._givingUp = new GivingUp(core, this);
    /** Times that answers turned out to be void. */
    this._offeredAgain = 0;
    /** @type {Map<string, Set<Waiter>>} */
    this._waiters = new Map();
    /** @type {Map<string, import("./backoff.js").Backoff>} */
    this._backoffs = new Map();
    /** @type {import("./timers.js").Timer | null} */
    this._timer = null;
    /** @type {(() => ClientError) | null} */
    this._end = null;
    /** @type {(() => void)[]} */
    this._onEmpty = [];
  }

  /** @param {readonly import("./saved.js").SavedPost[]} posts  Those that an earlier process left. */
  restore(posts) {
    for (const { conversationId, key, content } of posts) {
      this.outbox.add({ conversationId, key, content, offered: true, stored: true });
    }
  }

  // -- the application's calls ----------------------------------------------------------------------------------------------

  /**
   * See Client.post.
   *
   * @param {string} conversationId
   * @param {Content | string} content
   * @param {{key?: Uint8Array, signal?: AbortSignal, now?: boolean}} options
   * @returns {Promise<Posted>}
   */
  async post(conversationId, content, { key, signal, now = false }) {
    if (this._end !== null) throw this._end();
    const entry = this._enqueue(conversationId, content, key, now);
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      const waiters = this._waiters.get(entry.key) ?? new Set();
      waiters.add(waiter);
      this._waiters.set(entry.key, waiters);
      const stop = () => {
        waiters.delete(waiter);
        reject(signal?.reason);
      };
      if (signal?.aborted) stop();
      else signal?.addEventListener("abort", stop, { once: true });
      this.offer();
    });
  }

  /**
   * @param {string} conversationId
   * @param {Content | string} content
   * @param {Uint8Array | undefined} given
   * @param {boolean} now
   */
  _enqueue(conversationId, content, given, now) {
    const encoded = this.encode(conversationId, content);
    const key = hex(this._core.keyOr(given));
    const { outbox } = this;
    const old = outbox.get(key);
    if (old !== undefined) {
      if (old.conversationId !== conversationId || !sameBytes(old.content, encoded)) {
        throw new Misuse("this key is in the outbox with another conversation or content");
      }
      return old;
    }
    const { maxOutboxEntries, maxOutboxBytes } = this._core.limits;
    if (outbox.size >= maxOutboxEntries || outbox.bytes + encoded.length > maxOutboxBytes) {
      throw new OutboxFull(`${outbox.size} posts of ${outbox.bytes} bytes wait for an answer`);
    }
    const { store } = this._core;
    const offered = store.posts.wasAnswered(key);
    store.posts.add({ conversationId, key, content: encoded });
    const entry = outbox.add({ conversationId, key, content: encoded, offered, stored: now });
    entry.now = now;
    const stored = () => {
      outbox.stored(entry);
      this.offer();
    };
    this._core.own(store.durable().then(stored));
    return entry;
  }

  /**
   * Check and encode a content. Throws Misuse.
   *
   * @param {string} conversationId
   * @param {Content | string} content
   */
  encode(conversationId, content) {
    try {
      const size = utf8Length(conversationId);
      if (size < 1 || size > MAX_CONVERSATION_ID_BYTES) {
        throw new Misuse(`a conversation id is a string of at most ${MAX_CONVERSATION_ID_BYTES} bytes`);
      }
      const map = typeof content === "string" ? { type: "text", text: content } : content;
      const fault = contentFault(map);
      if (fault !== null) throw new Misuse(`content: ${fault}`);
      return encodeContent(map, this._core.requests.limits ?? DEFAULT_LIMITS);
    } catch (error) {
      if (error instanceof EncodeError || error instanceof Utf8Error) throw new Misuse(error.message);
      throw error;
    }
  }

  /**
   * See Client.abandon.
   *
   * @param {string} conversationId
   * @param {Uint8Array} key
   * @returns {Promise<Posted | null>}
   */
  async abandon(conversationId, key) {
    for (;;) {
      const offeredAgain = this._offeredAgain;
      try {
        const posted = await this._abandon(conversationId, key);
        if (posted !== null || offeredAgain === this._offeredAgain) return posted;
      } catch (error) {
        if (!(error instanceof SessionLost)) throw error;
      }
      // Had it been answered, that answer may be void: an older copy of the database came back, and the post is offered again,
      // or was. Then it is of no worth that it was not stored just before (SPEC 9.4).
    }
  }

  /**
   * Ask once. Throws SessionLost for a post that is not in the outbox.
   *
   * @param {string} conversationId
   * @param {Uint8Array} key
   */
  async _abandon(conversationId, key) {
    if (this._end !== null) throw this._end();
    const entry = this.outbox.get(hex(this._core.keyOr(key)));
    if (entry === undefined) return this._givingUp.ask(conversationId, key);
    if (entry.conversationId !== conversationId) throw new Misuse("this key is in the outbox for another conversation");
    if (entry.offered) return this._givingUp.giveUp(entry);
    this.settle(entry, new Abandoned("given up before it was sent"), false);
    return null;
  }

  /** See Client.outbox. */
  queued() {
    return this.outbox.entries().map(({ conversationId, key, content }) => ({
      conversationId, key: fromHex(key), content: readContent(content) ?? {},
    }));
  }

  // -- offering -------------------------------------------------------------------------------------------------------------

  /** Send the posts that may be offered while there is room. Called after every step of the connection. */
  offer() {
    const { outbox } = this;
    const { requests } = this._core;
    if (outbox.size === 0 || !this._core.mayOffer) return;
    while (requests.roomForPosts) {
      const entry = outbox.next();
      if (entry === null) return;
      try {
        const params = [entry.conversationId, fromHex(entry.key), entry.content];
        if (!requests.send(POST.name, params, (answer) => this._answered(entry, answer))) {
          outbox.back(entry);
          return;
        }
      } catch (error) {
        if (!(error instanceof EncodeError)) throw error;
        this.settle(entry, new Misuse(`the server takes no such post: ${error.message}`), false);
      }
    }
  }

  /** @param {Entry} entry @param {Answer | null} answer */
  _answered(entry, answer) {
    if (answer === null) return; // `sessionLost` puts all of them back in order
    if (answer.event === "refusal") this._refused(entry, answer);
    else this._replied(entry, answer.result);
    this._givingUp.landed(entry);
  }

  /**
   * @param {Entry} entry
   * @param {import("../wire/values.js").WireValue} result
   */
  _replied(entry, result) {
    let posted;
    try {
      posted = POST.result(result);
    } catch (error) {
      if (!(error instanceof BadShape)) throw error;
      this._core.violated(`post: ${error.message}`);
      return;
    }
    const { conversationId } = entry;
    this._backoffs.delete(conversationId);
    if (entry.gone || posted.duplicate) {
      // A push or page delivers the message: the reply must not count as its position.
      this._core.arrivals.noteHead(conversationId, posted.position);
    } else {
      this._core.arrivals.ownMessage(entry, posted.position, posted.sentAt);
    }
    if (entry.gone) this.outbox.landed(entry);
    else this.settle(entry, this._postedAt(entry, posted.position, posted.sentAt), true);
  }

  /**
   * @param {Entry} entry
   * @param {number} position
   * @param {number} sentAt
   * @returns {Posted}
   */
  _postedAt({ conversationId, key }, position, sentAt) {
    return { conversationId, position, sentAt, key: fromHex(key) };
  }

  /**
   * @param {Entry} entry
   * @param {import("./requests.js").RefusalReceived} refusal
   */
  _refused(entry, refusal) {
    if (!isRetryable(refusal.code)) {
      const error = new Refused(refusal.code, refusal.text, plainValue(refusal.detail));
      if (entry.gone) this.outbox.landed(entry);
      else this.settle(entry, error, false);
      return;
    }
    const { conversationId } = entry;
    // One of many that were in flight behind the first: HELD says nothing new, so the wait does not grow.
    let delay = Math.min(refusal.retryAfterMs, this._core.limits.maxRetryAfterMs);
    if (!this.outbox.isHeld(conversationId)) {
      const backoff = this._backoffs.get(conversationId) ?? this._core.makeBackoff();
      this._backoffs.set(conversationId, backoff);
      delay = backoff.next(refusal.retryAfterMs);
    }
    this._delays.refused(refusal, delay, this.outbox.size);
    this.outbox.held(entry, this._core.timers.now + delay);
    this._arm();
  }

  /** One timer, for the first hold that ends. */
  _arm() {
    const { timers } = this._core;
    timers.cancel(this._timer);
    const nextAt = this.outbox.lift(timers.now);
    if (nextAt === null) return;
    this._timer = timers.after(nextAt - timers.now, () => {
      this._arm();
      this._core.guard(() => this.offer());
    });
  }

  // -- answers --------------------------------------------------------------------------------------------------------------

  /**
   * Our own key in a push or page: the post is committed, whatever becomes of its reply.
   *
   * @param {Uint8Array} key
   * @param {string} conversationId
   * @param {number} position
   * @param {number} sentAt
   */
  seen(key, conversationId, position, sentAt) {
    if (this.outbox.size === 0) return;
    const entry = this.outbox.get(hex(key));
    if (entry !== undefined && entry.conversationId === conversationId) {
      this.settle(entry, this._postedAt(entry, position, sentAt), false);
    }
  }

  /** A fresh session: offer everything again. */
  sessionLost() {
    const inFlight = this.outbox.entries().filter((entry) => entry.inFlight);
    this.outbox.sessionLost();
    for (const entry of inFlight) this._givingUp.landed(entry);
  }

  /**
   * These were answered, and their answers are void: an older copy has come back. They go before all others.
   *
   * @param {readonly {conversationId: string, key: string, content: Uint8Array}[]} posts
   */
  offerAgain(posts) {
    if (posts.length === 0) return;
    this._offeredAgain += 1;
    this.outbox.offerFirst(posts);
  }

  /**
   * A connection closed with 210-215: offer one by one from now on, and drop a post that caused it twice.
   *
   * @param {import("../session/connection.js").Closed} closed
   */
  violation({ code, text, byPeer }) {
    const guilty = this.outbox.violation(byPeer);
    if (guilty !== null) this.settle(guilty, new Undeliverable(code, text), false);
  }

  /**
   * The client is over. The store keeps the outbox.
   *
   * @param {() => ClientError} error
   */
  end(error) {
    this._end = error;
    for (const run of this._onEmpty.splice(0)) run(); // there is nothing more to wait for
    for (const waiters of this._waiters.values()) for (const waiter of waiters) waiter.reject(error());
    this._waiters.clear();
    this._givingUp.end(error);
  }

  /** @returns {Promise<void>} */
  whenEmpty() {
    const over = this.outbox.size === 0 || this._end !== null;
    return over ? Promise.resolve() : new Promise((go) => this._onEmpty.push(go));
  }

  /** Conversations that have posts without an answer. */
  conversations() {
    return this.outbox.conversations();
  }

  /**
   * The post has its final answer. Who waits gets it when it is in the store. `accepted`: the server took it now.
   *
   * @param {Entry} entry
   * @param {Posted | ClientError} outcome
   * @param {boolean} accepted
   */
  settle(entry, outcome, accepted) {
    const { lineage, store } = this._core;
    const { conversationId, key } = entry;
    if (outcome instanceof Error) {
      store.posts.remove(key);
    } else {
      // It stays in the store: should an older copy of the server's database come back, it can be offered again.
      lineage.moved(conversationId);
      lineage.own.posted(key, { conversationId, position: outcome.position, lost: false });
      store.answerPost(key, outcome.position, lineage.step());
    }
    this.outbox.remove(entry, accepted);
    if (this.outbox.size === 0) for (const run of this._onEmpty.splice(0)) run();
    this._givingUp.landed(entry);
    const waiters = this._waiters.get(key) ?? new Set();
    if (store.isDurable || entry.now) this._tell(entry, outcome, waiters);
    else this._core.own(store.durable().then(() => this._tell(entry, outcome, waiters)));
  }

  /**
   * @param {Entry} entry
   * @param {Posted | ClientError} outcome
   * @param {Set<Waiter>} waiters
   */
  _tell({ conversationId, key }, outcome, waiters) {
    if (this._waiters.get(key) === waiters) this._waiters.delete(key);
    const failed = outcome instanceof Error;
    for (const waiter of waiters) {
      if (failed) waiter.reject(outcome);
      else waiter.resolve(outcome);
    }
    if (waiters.size > 0) return;
    this._core.announce({
      type: "postSettled", conversationId, key: fromHex(key), posted: failed ? null : outcome,
      error: failed ? outcome : null,
    });
  }
}

