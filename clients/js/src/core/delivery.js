/** The bounded queue between received messages and the application that reads `messages()`. */

import { readContent, withoutState } from "../contents.js";
import { Disconnected, Misuse } from "../errors.js";
import { Message } from "../values.js";

/** @typedef {import("../errors.js").ClientError} ClientError */
/** @typedef {import("../wire/methods.js").PageItem} PageItem */

/**
 * A message that is not handed over yet. Contents wait as bytes: the values in them may take a hundred times as much.
 *
 * @typedef {{epoch: number, conversationId: string, item: PageItem, redelivered: boolean, own: boolean}} Waiting
 */

/** @type {(waiting: Waiting) => number} */
const sizeOf = ({ item }) => item.content?.length ?? 0;

/** Messages not handed over yet. A message that finds no room is read again later, from the server (SPEC 10). */
export class Delivery {
  /**
   * @param {import("./store.js").Store} store
   * @param {import("./lineage.js").Lineage} lineage
   * @param {import("../limits.js").ClientLimits} limits
   * @param {() => void} roomAgain
   * @param {(message: Message) => void} finished
   */
  constructor(store, lineage, limits, roomAgain, finished) {
    this._store = store;
    this._lineage = lineage;
    this._limits = limits;
    this._roomAgain = roomAgain;
    this._onFinished = finished;
    /** @type {Waiting[]} */
    this._queue = [];
    this._bytes = 0;
    this._reserved = 0;
    this._epoch = 0;
    /**
     * Of conversations whose history was replaced: when (an epoch), and the lowest position above which it was.
     *
     * @type {Map<string, {epoch: number, keep: number}>}
     */
    this._fallen = new Map();
    this._starved = false;
    /** @type {Message | null} */
    this._unfinished = null;
    this._taking = false;
    /** @type {(() => void) | null} */
    this._arrived = null;
    /** @type {(() => ClientError) | null} */
    this._end = null;
  }

  // -- filling ------------------------------------------------------------------------------------------------------------

  get _free() {
    return this._limits.maxQueuedMessages - this._reserved - this._queue.length;
  }

  /** Whether one more message may be put. After a false, `roomAgain` is called when half of it is free. */
  hasRoom() {
    if (this._free > 0 && this._bytes < this._limits.maxQueuedBytes) return true;
    this._starved = true;
    return false;
  }

  /**
   * Reserve room for at most `count` messages of a requested page; returns how many, 0 if there is none.
   *
   * @param {number} count
   */
  reserve(count) {
    if (!this.hasRoom()) return 0;
    const granted = Math.min(count, this._free);
    this._reserved += granted;
    return granted;
  }

  /** @param {number} granted  A reservation that ends: the page has arrived, or failed. */
  release(granted) {
    this._reserved -= granted;
  }

  /**
   * Queue a message.
   *
   * @param {string} conversationId
   * @param {PageItem} item
   * @param {{redelivered: boolean, own: boolean}} how
   */
  put(conversationId, item, { redelivered, own }) {
    const waiting = { epoch: this._epoch, conversationId, item: withoutState(item), redelivered, own };
    this._queue.push(waiting);
    this._bytes += sizeOf(waiting);
    this._wake();
  }

  /**
   * A message was taken back. If it still waits here, the application gets the tombstone.
   *
   * @param {string} conversationId
   * @param {number} position
   * @param {number} revision
   */
  takenBack(conversationId, position, revision) {
    const waiting = this._queue.find((one) => one.conversationId === conversationId && one.item.position === position);
    if (waiting === undefined) return;
    this._bytes -= sizeOf(waiting);
    waiting.item = { ...waiting.item, content: null, revision: Math.max(waiting.item.revision, revision) };
  }

  /**
   * Messages above `keep` are none any more: those that wait are dropped, and none of them is saved as done.
   *
   * @param {string} conversationId
   * @param {number} keep
   */
  fall(conversationId, keep) {
    this._epoch += 1;
    const lowest = Math.min(keep, this._fallen.get(conversationId)?.keep ?? keep);
    this._fallen.set(conversationId, { epoch: this._epoch, keep: lowest });
    this._drop((one) => one.conversationId === conversationId && one.item.position > keep);
    const last = this._unfinished;
    if (last !== null && last.conversationId === conversationId && last.position > keep) this._unfinished = null;
  }

  /**
   * The conversations are not followed any more.
   *
   * @param {readonly string[]} names
   */
  forget(names) {
    this._epoch += 1;
    const gone = new Set(names);
    for (const name of gone) this._fallen.set(name, { epoch: this._epoch, keep: 0 });
    this._drop((one) => gone.has(one.conversationId));
    if (this._unfinished !== null && gone.has(this._unfinished.conversationId)) this._unfinished = null;
  }

  /** Conversations that have a message here, or one that the application has not finished. */
  conversations() {
    const names = new Set(this._queue.map((one) => one.conversationId));
    if (this._unfinished !== null) names.add(this._unfinished.conversationId);
    return names;
  }

  /** @param {(one: Waiting) => boolean} which */
  _drop(which) {
    const left = this._queue.filter((one) => !which(one));
    if (left.length === this._queue.length) return;
    this._queue = left;
    this._bytes = left.reduce((sum, one) => sum + sizeOf(one), 0);
    this._makeRoom();
  }

  /**
   * No more messages arrive. Queued ones can still be read, unless the application closed the client.
   *
   * @param {() => ClientError} error
   */
  end(error) {
    this._end = error;
    this._wake();
  }

  // -- reading ------------------------------------------------------------------------------------------------------------

  /**
   * The next message; marks the one before as done. Null: there are no more. Throws Stopped.
   *
   * @returns {Promise<Message | null>}
   */
  async take() {
    if (this._taking) throw new Misuse("messages() is being read already");
    this._taking = true;
    try {
      for (;;) {
        if (this._end?.() instanceof Disconnected) return null;
        const waiting = this._queue[0];
        if (waiting === undefined) {
          this._finishLast(null);
          if (this._end !== null) throw this._end();
          await new Promise((resolve) => {
            this._arrived = () => resolve(undefined);
          });
          continue;
        }
        const message = this._handOver(waiting);
        if (!this._store.isDurable) await this._store.durable();
        if (!this._isVoid(waiting.epoch, waiting.conversationId, message.position)) return message;
      }
    } finally {
      this._taking = false;
    }
  }

  /** @param {Waiting} waiting */
  _handOver(waiting) {
    const { epoch, conversationId, item, own, redelivered } = waiting;
    const fields = { ...item, conversationId, content: readContent(item.content), own, redelivered };
    const message = new Message(fields, (one) => this._finish(epoch, one));
    this._finishLast(message);
    this._queue.shift();
    this._bytes -= sizeOf(waiting);
    this._unfinished = message;
    this._makeRoom();
    return message;
  }

  _makeRoom() {
    const left = this._queue.length + this._reserved;
    if (!this._starved || left > Math.floor(this._limits.maxQueuedMessages / 2)) return;
    this._starved = false;
    this._roomAgain();
  }

  _wake() {
    const arrived = this._arrived;
    this._arrived = null;
    arrived?.();
  }

  // -- finishing ----------------------------------------------------------------------------------------------------------

  /**
   * `message.done()`.
   *
   * @param {number} epoch
   * @param {Message} message
   */
  _finish(epoch, message) {
    if (this._isVoid(epoch, message.conversationId, message.position)) return;
    if (this._end?.() instanceof Disconnected) return;
    this._save(message, null);
    if (this._unfinished === message) this._unfinished = null;
  }

  /**
   * Whether the message is of a history that was replaced since.
   *
   * @param {number} epoch
   * @param {string} conversationId
   * @param {number} position
   */
  _isVoid(epoch, conversationId, position) {
    const fallen = this._fallen.get(conversationId);
    return fallen !== undefined && epoch < fallen.epoch && position > fallen.keep;
  }

  /** @param {Message | null} handed */
  _finishLast(handed) {
    const done = this._unfinished;
    this._unfinished = null;
    this._save(done, handed);
  }

  /**
   * @param {Message | null} done
   * @param {Message | null} handed
   */
  _save(done, handed) {
    if (done === null && handed === null) return;
    this._store.saveProgress(
      done === null ? null : [done.conversationId, done.position],
      handed === null ? null : [handed.conversationId, handed.position],
      this._lineage.step(),
    );
    if (done !== null) this._onFinished(done);
  }
}
