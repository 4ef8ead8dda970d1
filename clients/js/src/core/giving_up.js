/** `abandon`: giving posts up, and learning whether they had been stored (SPEC 9.4). */

import { Abandoned, RefusalCode, Refused } from "../errors.js";
import { ABANDON, HISTORY } from "../wire/methods.js";
import { fromHex } from "../wire/values.js";
import { SessionLost } from "./requests.js";

/** @typedef {import("../errors.js").ClientError} ClientError */
/** @typedef {import("../values.js").Posted} Posted */
/** @typedef {import("./outbox.js").Entry} Entry */

export class GivingUp {
  /**
   * @param {import("./core.js").Core} core
   * @param {import("./posting.js").Posting} posting
   */
  constructor(core, posting) {
    this._core = core;
    this._posting = posting;
    /**
     * Who waits until a post is in flight no more.
     *
     * @type {Map<Entry, {resolve: () => void, reject: (error: unknown) => void}[]>}
     */
    this._landings = new Map();
    /** @type {(() => ClientError) | null} */
    this._end = null;
  }

  /**
   * Give up a post that may have been offered. A caller that stops waiting does not take the request back.
   *
   * @param {Entry} entry
   * @returns {Promise<Posted | null>}
   */
  async giveUp(entry) {
    const { outbox } = this._posting;
    outbox.giveUp(entry);
    let posted;
    try {
      posted = await this._abandoned(entry);
      if (!entry.gone) this._posting.settle(entry, posted ?? new Abandoned("given up"), false);
    } catch (error) {
      outbox.resume(entry);
      if (this._end === null) this._posting.offer();
      throw error;
    }
    outbox.givenUp(entry);
    this._posting.offer();
    return posted;
  }

  /**
   * The answer to `abandon` in a session that has refused the post for now, or has settled it.
   *
   * @param {Entry} entry
   */
  async _abandoned(entry) {
    for (;;) {
      while (entry.inFlight || !(entry.holds || entry.gone)) await this._landing(entry);
      try {
        return await this.ask(entry.conversationId, fromHex(entry.key));
      } catch (error) {
        if (!(error instanceof SessionLost)) throw error;
      }
    }
  }

  /** @param {Entry} entry @returns {Promise<void>} */
  _landing(entry) {
    if (this._end !== null) throw this._end();
    return new Promise((resolve, reject) => {
      const waiting = this._landings.get(entry) ?? [];
      waiting.push({ resolve, reject });
      this._landings.set(entry, waiting);
    });
  }

  /** @param {Entry} entry  One that was answered, or whose session is lost. */
  landed(entry) {
    const waiting = this._landings.get(entry) ?? [];
    this._landings.delete(entry);
    for (const { resolve } of waiting) resolve();
  }

  /**
   * Ask the server to abandon this key. Throws SessionLost: the next session may go on with another history.
   *
   * @param {string} conversationId
   * @param {Uint8Array} key
   */
  async ask(conversationId, key) {
    try {
      return await this._askOnce(conversationId, key);
    } catch (error) {
      if (!(error instanceof Refused) || error.code !== RefusalCode.EPOCH_CHANGED) throw error;
    }
    // Between its answer and the page an older copy of the database has come back: that answer is void.
    return this._askOnce(conversationId, key);
  }

  /**
   * @param {string} conversationId
   * @param {Uint8Array} key
   * @returns {Promise<Posted | null>}
   */
  async _askOnce(conversationId, key) {
    const { requests } = this._core;
    const { position } = await requests.call(ABANDON, [conversationId, key], { patient: false });
    if (position === null) return null;
    const page = await requests.call(HISTORY, [conversationId, position - 1, null, 1], { patient: false });
    const sentAt = page.items.find((item) => item.position === position)?.sentAt ?? 0;
    return { conversationId, position, sentAt, key };
  }

  /** @param {() => ClientError} error */
  end(error) {
    this._end = error;
    for (const waiting of this._landings.values()) for (const { reject } of waiting) reject(error());
    this._landings.clear();
  }
}
