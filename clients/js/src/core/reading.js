/**
 * Reads messages that were not pushed: `history` where positions are missing, and where messages may say something else (SPEC
 * 10.2). One read at a time for each conversation, a few conversations at a time, and only as much as the application's queue has
 * room for.
 */

import { RefusalCode, Refused } from "../errors.js";
import { HISTORY } from "../wire/methods.js";
import { SessionLost } from "./requests.js";

/** @typedef {import("../wire/methods.js").HistoryResult} HistoryResult */
/** @typedef {import("./inbox.js").Track} Track */

export class Reading {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    this._reads = 0;
  }

  /** Begin reads, as many as may be under way. */
  look() {
    const { lineage, limits } = this._core;
    while (lineage.open && this._reads < limits.maxParallelReads) {
      const work = this._nextRead() ?? this._nextReread();
      if (work === null) return;
      this._reads += 1;
      const ended = () => {
        this._reads -= 1;
        this._core.catchUp.wake();
      };
      this._core.own(work.finally(ended));
    }
  }

  // -- what is missing ------------------------------------------------------------------------------------------------------

  _nextRead() {
    const { inbox, delivery, limits } = this._core;
    const next = inbox.nextToRead();
    if (next === null) return null;
    const room = delivery.reserve(limits.pageItems);
    if (room === 0) return null; // the queue says when there is room again
    next.track.reading = true;
    return this._read(next.name, next.track, room);
  }

  /**
   * @param {string} name
   * @param {Track} track
   * @param {number} room
   */
  async _read(name, track, room) {
    const { inbox, delivery } = this._core;
    const { epoch } = inbox;
    const { have: after, knownHead: wanted, standing } = track;
    let page;
    try {
      page = await this._ask(name, after, room);
    } catch (error) {
      if (error instanceof SessionLost) return;
      if (!(error instanceof Refused)) throw error;
      if (epoch !== inbox.epoch) return;
      if (error.code === RefusalCode.NOT_FOUND) this._core.fallen.notFound(name, standing);
      else this._giveUp(name, wanted, error.message);
      return;
    } finally {
      delivery.release(room);
      track.reading = false;
    }
    if (page.items.length > room) this._core.violated("history: more items than were asked for");
    else if (epoch === inbox.epoch && inbox.get(name) === track) this._takePage(name, page, after, wanted);
  }

  /**
   * @param {string} name
   * @param {number} after
   * @param {number} limit
   */
  async _ask(name, after, limit) {
    const arrived = this._core.states.pageAsked(name);
    try {
      return await this._core.requests.call(HISTORY, [name, after, null, limit], { patient: false });
    } finally {
      arrived();
    }
  }

  /**
   * @param {string} name
   * @param {HistoryResult} page
   * @param {number} after
   * @param {number} wanted
   */
  _takePage(name, page, after, wanted) {
    if (page.last > Math.max(page.head, after)) {
      this._core.violated("history: a page beyond the head");
      return;
    }
    const { inbox, states, lineage, arrivals, fallen } = this._core;
    lineage.moved(name);
    states.takePage(name, page);
    for (const item of page.items) if (item.position > after) arrivals.takeItem(name, item);
    const track = inbox.get(name);
    if (track === undefined || !track.isBehind) return;
    if (page.last > track.have) {
      // The page covers positions without items: the server no longer keeps them.
      inbox.advance(name, page.last);
      fallen.readUpToHead(name);
    } else if (page.last <= after) {
      this._giveUp(name, wanted, "the page ends before it");
    }
  }

  /**
   * Give up positions up to `wanted`. If the conversation has moved since the request, read it again.
   *
   * @param {string} name
   * @param {number} wanted
   * @param {string} reason
   */
  _giveUp(name, wanted, reason) {
    const { inbox, fallen } = this._core;
    const track = inbox.get(name);
    if (track === undefined || track.knownHead > wanted) return;
    this._core.cannotRead(name, track.have, track.knownHead, reason);
    inbox.giveUp(name);
    fallen.readUpToHead(name);
  }

  // -- messages that may say something else -----------------------------------------------------------------------------------

  /** Read a few such messages, if anybody is to be told of them. */
  _nextReread() {
    const { announcer, lineage, limits } = this._core;
    if (!announcer.heard) return null;
    for (const name of lineage.trails.toReread()) {
      const span = lineage.trails.reread(name, limits.pageItems);
      if (span !== null) return this._readAgain(name, span[0], span[1]);
    }
    return null;
  }

  /**
   * @param {string} name
   * @param {number} low
   * @param {number} high
   */
  async _readAgain(name, low, high) {
    const { inbox, lineage, store, fallen } = this._core;
    const { epoch } = inbox;
    const standing = inbox.standing(name);
    /** @type {number} */
    let upto = high; // what is refused is not to be read any more
    try {
      const page = await this._ask(name, low - 1, high - low + 1);
      if (epoch !== inbox.epoch || !inbox.has(name)) return;
      const taken = this._takeAgain(name, page, low, high);
      if (taken === null) return;
      upto = taken;
    } catch (error) {
      if (error instanceof SessionLost) return;
      if (!(error instanceof Refused)) throw error;
      if (error.code === RefusalCode.NOT_FOUND && epoch === inbox.epoch) {
        fallen.notFound(name, standing);
        lineage.trails.rereadAnswered(name, null);
        return;
      }
    }
    lineage.trails.rereadAnswered(name, upto);
    store.saveLineage(lineage.step());
  }

  /**
   * Up to where the page is complete; null: it is none that was asked for.
   *
   * @param {string} name
   * @param {HistoryResult} page
   * @param {number} low
   * @param {number} high
   */
  _takeAgain(name, page, low, high) {
    if (page.last > Math.max(page.head, low - 1) || page.items.length > high - low + 1) {
      this._core.violated("history: a page that was not asked for");
      return null;
    }
    this._core.lineage.moved(name);
    this._core.states.takePage(name, page);
    for (const item of page.items) {
      // That it was edited is known: it would be news, and be read again for ever.
      if (low <= item.position && item.position <= high) this._core.ports.changed(name, item);
    }
    return low <= page.last && page.last < high ? page.last : high;
  }
}
