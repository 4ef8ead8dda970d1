/** Members' cursors as the server reports them, and coalesced reports of the user's own. */

import { Refused } from "../errors.js";
import { NO_CURSOR } from "../values.js";
import { CURSOR } from "../wire/methods.js";
import { SessionLost } from "./requests.js";

/** @typedef {import("../values.js").Cursor} Cursor */

/** Reports on their way at a time; the rest of a round follows. */
const PARALLEL = 16;

/**
 * @param {Cursor} one
 * @param {Cursor} other
 * @returns {Cursor}
 */
const highest = (one, other) => ({
  delivered: Math.max(one.delivered, other.delivered),
  read: Math.max(one.read, other.read),
});

/** The known cursors of all members. They never go back, unless an older copy of the server's database did. */
export class Cursors {
  /**
   * @param {number} maxCursors  In one conversation.
   * @param {number} maxInAll
   * @param {(event: import("../events.js").CursorMoved) => void} announce
   */
  constructor(maxCursors, maxInAll, announce) {
    this._maxCursors = maxCursors;
    this._maxInAll = maxInAll;
    this._announce = announce;
    /**
     * The conversation that moved last is the last.
     *
     * @type {Map<string, Map<string, Cursor>>}
     */
    this._known = new Map();
    this._count = 0;
  }

  /**
   * The cursors of a conversation, by user.
   *
   * @param {string} conversationId
   */
  of(conversationId) {
    return new Map(this._known.get(conversationId));
  }

  /**
   * Take over a cursor from a push or a row of sync.
   *
   * @param {string} conversationId
   * @param {string} userId
   * @param {Cursor} told
   */
  moved(conversationId, userId, told) {
    const known = this._known.get(conversationId) ?? new Map();
    const isNew = !known.has(userId);
    const old = known.get(userId) ?? NO_CURSOR;
    const cursor = highest(old, told);
    if (cursor.delivered === old.delivered && cursor.read === old.read) return;
    if (isNew && known.size >= this._maxCursors) return;
    if (isNew) this._count += 1;
    known.set(userId, cursor);
    this._known.delete(conversationId);
    this._known.set(conversationId, known);
    while (this._count > this._maxInAll) {
      const [eldest] = this._known.keys();
      this.drop(eldest);
    }
    this._announce({ type: "cursorMoved", conversationId, userId, cursor });
  }

  /**
   * These are the cursors, lower or not.
   *
   * @param {string} conversationId
   * @param {ReadonlyMap<string, Cursor>} cursors
   */
  replace(conversationId, cursors) {
    const old = this.of(conversationId);
    this.drop(conversationId);
    const kept = new Map([...cursors].slice(0, this._maxCursors));
    if (kept.size > 0) this._known.set(conversationId, kept);
    this._count += kept.size;
    for (const [userId, cursor] of kept) {
      const before = old.get(userId) ?? NO_CURSOR; // of who left since there is nothing to say
      if (cursor.delivered !== before.delivered || cursor.read !== before.read) {
        this._announce({ type: "cursorMoved", conversationId, userId, cursor });
      }
    }
  }

  /** @param {string} conversationId  Of a conversation that is not followed any more. */
  drop(conversationId) {
    this._count -= this._known.get(conversationId)?.size ?? 0;
    this._known.delete(conversationId);
  }
}

/** Reports how far this device has received, and this user has read: one report a second for each conversation. */
export class Receipts {
  /**
   * @param {import("./requests.js").Requests} requests
   * @param {import("./timers.js").Timers} timers
   * @param {number} everyMs
   * @param {(conversationId: string) => boolean} readsOnly  Of these only *read* is reported, those of a team.
   * @param {(work: Promise<void>) => void} own  Who is told if a round fails.
   */
  constructor(requests, timers, everyMs, readsOnly, own) {
    this._requests = requests;
    this._timers = timers;
    this._everyMs = everyMs;
    this._readsOnly = readsOnly;
    this._own = own;
    /** @type {Map<string, Cursor>} */
    this._pending = new Map();
    this._reporting = false;
    /** @type {Promise<void>} */
    this._round = Promise.resolve();
  }

  /**
   * A message is done: report it as delivered.
   *
   * @param {string} conversationId
   * @param {number} position
   */
  delivered(conversationId, position) {
    this._put(conversationId, { delivered: position, read: 0 });
  }

  /**
   * See Client.markRead.
   *
   * @param {string} conversationId
   * @param {number} position
   */
  read(conversationId, position) {
    this._put(conversationId, { delivered: 0, read: position });
  }

  /**
   * Above `keep` nothing of what was reported, or is to be, means anything. Below it, it is reported again.
   *
   * @param {string} conversationId
   * @param {number} keep
   * @param {Cursor} was
   */
  fall(conversationId, keep, was) {
    const { delivered, read } = highest(this._pending.get(conversationId) ?? NO_CURSOR, was);
    this._pending.delete(conversationId);
    if (Math.min(keep, Math.max(delivered, read)) > 0) {
      this._put(conversationId, { delivered: Math.min(keep, delivered), read: Math.min(keep, read) });
    }
  }

  /** @param {string} conversationId  Of a conversation that is not followed any more. */
  drop(conversationId) {
    this._pending.delete(conversationId);
  }

  /**
   * @param {string} conversationId
   * @param {Cursor} cursor
   */
  _put(conversationId, { delivered, read }) {
    if (delivered > 0 && this._readsOnly(conversationId)) {
      if (read === 0) return;
      delivered = 0;
    }
    const old = this._pending.get(conversationId) ?? NO_CURSOR;
    this._pending.set(conversationId, highest(old, { delivered, read }));
    if (!this._reporting) this._own(this._report());
  }

  async _report() {
    this._reporting = true;
    try {
      while (this._pending.size > 0) {
        await this._requests.whenReleased();
        await this.flush();
        await this._timers.sleep(this._everyMs);
      }
    } finally {
      this._reporting = false;
    }
  }

  /**
   * Report everything that is pending, now; resolves when earlier reports have their answers, too.
   *
   * @returns {Promise<void>}
   */
  flush() {
    const round = Promise.all([this._round, this._flush()]).then(() => {});
    this._round = round.catch(() => {}); // whoever began it hears of it
    return round;
  }

  async _flush() {
    const reports = [...this._pending];
    this._pending.clear();
    for (let start = 0; start < reports.length; start += PARALLEL) {
      await Promise.all(reports.slice(start, start + PARALLEL).map(([name, cursor]) => this._tell(name, cursor)));
    }
  }

  /**
   * @param {string} conversationId
   * @param {Cursor} cursor
   */
  async _tell(conversationId, cursor) {
    try {
      const params = [conversationId, cursor.delivered || null, cursor.read || null];
      await this._requests.call(CURSOR, params, { patient: false });
    } catch (error) {
      if (error instanceof SessionLost) this._put(conversationId, cursor);
      else if (!(error instanceof Refused)) throw error; // no member any more, or a channel, which has no receipts
    }
  }
}
