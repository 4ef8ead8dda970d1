/**
 * Hands events to the readers of `events()`: each has a bounded queue of its own, and loses the oldest, but none that is kept
 * until it was heard.
 */

import { Disconnected, Misuse } from "../errors.js";

/** @typedef {import("../errors.js").ClientError} ClientError */
/** @typedef {import("../events.js").ClientEvent} ClientEvent */

/**
 * An event, or what makes it when a reader takes it: its content would take much room in the queue.
 *
 * @typedef {ClientEvent | (() => ClientEvent)} Unread
 */

/** An event, and what to call, once, when a reader has it. */
class KeptEvent {
  /**
   * @param {ClientEvent} event
   * @param {() => void} heard
   */
  constructor(event, heard) {
    this.event = event;
    /** @type {(() => void) | null} */
    this.heard = heard;
  }

  done() {
    const heard = this.heard;
    this.heard = null;
    heard?.();
  }
}

export class Announcer {
  /** @param {number} maxQueued */
  constructor(maxQueued) {
    this._maxQueued = maxQueued;
    /** @type {Set<EventStream>} */
    this._readers = new Set();
    /**
     * Outcomes of posts for the first reader: posts of an earlier process may settle before it subscribes.
     *
     * @type {Unread[] | null}
     */
    this._backlog = [];
    /**
     * Events that no reader has had, for the next reader, too.
     *
     * @type {KeptEvent[]}
     */
    this._kept = [];
    /** @type {(() => ClientError) | null} */
    this._end = null;
  }

  /** Whether there is a reader. */
  get heard() {
    return this._readers.size > 0;
  }

  subscribe() {
    const stream = new EventStream(this._maxQueued, () => this._readers.delete(stream));
    for (const event of this._backlog ?? []) stream.put(event);
    this._backlog = null;
    this._kept = this._kept.filter((kept) => kept.heard !== null);
    for (const kept of this._kept) stream.put(kept);
    if (this._end !== null) stream.end(this._end());
    this._readers.add(stream);
    return stream;
  }

  /**
   * Announce an event that is kept until a reader has it, the first one or a later: `heard` is called when it asks for the next
   * one.
   *
   * @param {ClientEvent} event
   * @param {() => void} heard
   */
  keep(event, heard) {
    const kept = new KeptEvent(event, heard);
    this._kept.push(kept);
    for (const reader of this._readers) reader.put(kept);
  }

  /**
   * Queue an event for every reader.
   *
   * @param {Unread} event
   */
  announce(event) {
    if (this._backlog !== null && typeof event !== "function" && event.type === "postSettled") {
      this._backlog.push(event);
      if (this._backlog.length > this._maxQueued) this._backlog.shift();
    }
    for (const reader of this._readers) reader.put(event);
  }

  /**
   * No more events.
   *
   * @param {() => ClientError} error
   */
  end(error) {
    this._end = error;
    for (const reader of this._readers) reader.end(error());
  }
}

/**
 * `for await (const event of client.events())`. One that is not read to its end is to be ended by `return()`, as a loop does that
 * is left.
 *
 * @implements {AsyncIterableIterator<ClientEvent>}
 */
export class EventStream {
  /**
   * @param {number} maxQueued
   * @param {() => void} left
   */
  constructor(maxQueued, left) {
    /** @type {(Unread | KeptEvent)[]} */
    this._queue = [];
    this._maxQueued = maxQueued;
    this._left = left;
    /** @type {KeptEvent | null} */
    this._last = null;
    /** @type {(() => void) | null} */
    this._arrived = null;
    /** @type {ClientError | null} */
    this._end = null;
    this._over = false;
  }

  /** @param {Unread | KeptEvent} event */
  put(event) {
    this._queue.push(event);
    if (this._queue.length > this._maxQueued) this._loseOldest();
    this._wake();
  }

  /**
   * After the queued events the iteration ends, or throws Stopped.
   *
   * @param {ClientError} error
   */
  end(error) {
    this._end = error;
    this._wake();
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {Promise<IteratorResult<ClientEvent, undefined>>} */
  async next() {
    if (this._arrived !== null) throw new Misuse("this stream of events is being read already");
    const last = this._last;
    this._last = null;
    last?.done();
    while (this._queue.length === 0) {
      if (this._over || this._end instanceof Disconnected) return { done: true, value: undefined };
      if (this._end !== null) throw this._end;
      await new Promise((resolve) => {
        this._arrived = () => resolve(undefined);
      });
    }
    const event = this._queue.shift();
    if (event instanceof KeptEvent) {
      this._last = event;
      return { done: false, value: event.event };
    }
    return { done: false, value: /** @type {ClientEvent} */ (typeof event === "function" ? event() : event) };
  }

  /** @returns {Promise<IteratorResult<ClientEvent, undefined>>} */
  async return() {
    this._over = true;
    this._queue = [];
    this._left();
    this._wake();
    return { done: true, value: undefined };
  }

  /** Of what is not kept: a reader that is slow would never be told of the rest. */
  _loseOldest() {
    const at = this._queue.findIndex((event) => !(event instanceof KeptEvent));
    if (at >= 0) this._queue.splice(at, 1);
  }

  _wake() {
    const arrived = this._arrived;
    this._arrived = null;
    arrived?.();
  }
}
