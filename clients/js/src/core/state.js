/**
 * The client's rule for state that is no message (SPEC 18.9): what replaces what, and when to ask. No I/O, no clock.
 *
 * A conversation counts the changes of its state: its modseq. Of each conversation the client knows
 *
 * - `seen`: every value held is right as of this modseq. Only a push with `seen + 1`, or the last page of `changes`, raises it.
 *   -1: no more is known of the values than that they were shown (`doubt`).
 * - `top`: the highest modseq that rows, pushes and hints told. Above `seen`, something is missing.
 * - `met`: the highest modseq met at all, in pages and answers, too.
 *
 * A value replaces another if and only if its modseq is higher, or that of the page which shows it. Shared and own value of an
 * item have a modseq each, for a push may say the shared one alone. Values are bytes; null is an empty one.
 */

import { sameBytes } from "../wire/values.js";
import { Counted, Kept } from "./kept.js";
import { NEVER, Ranges } from "./ranges.js";

/** @typedef {import("./kept.js").Told} Told */
/** @typedef {import("./kept.js").Value} Value */

const DOUBTED = -1;

/** One conversation's state, as one device holds it. */
export class ConversationState {
  /** @param {{have?: number, seen?: number, top?: number}} [start] */
  constructor({ have = 0, seen = 0, top = 0 } = {}) {
    /** Messages up to here were handed on. */
    this.have = have;
    this.seen = seen;
    this.top = top;
    this.met = Math.max(seen, top);
    /** Positions whose values the application may have: it got them as messages or in pages. */
    this.held = new Ranges();
    /** @type {Map<number, Kept>} */
    this.items = new Map();
    this.about = new Counted();
    this.settings = new Counted();
    this.former = false;
    /** The server said NOT_FOUND, and no row and no push came since it was asked: nothing is asked until one does. */
    this.refused = false;
    this._news = false;
    /**
     * Positions whose values changed or went since the store was brought up to date.
     *
     * @type {Set<number>}
     */
    this.unsaved = new Set();
    /** Pages on their way. */
    this.paging = 0;
    this._asking = false;
    /**
     * Where the answer that is being read goes on; null between answers.
     *
     * @type {number | null}
     */
    this._next = null;
    /** `seen` and `top` when it began. */
    this._base = 0;
    this._goal = 0;
    /** Values up to this position went before their messages came; 0: none did. */
    this._lost = 0;
  }

  // -- what the server tells unasked ------------------------------------------------------------------------------------

  /** A row, or any push of the conversation: it can be asked again. */
  told() {
    this.refused = false;
    this._news = true;
  }

  /**
   * A row of `sync`.
   *
   * @param {number} modseq
   * @param {boolean} former
   */
  row(modseq, former) {
    this.told();
    this.former = former;
    this._raiseTop(modseq);
  }

  /**
   * Something changed: a push without its items, or one that this client could not keep. Never moves `seen`.
   *
   * @param {number} modseq
   */
  hint(modseq) {
    this.told();
    this._raiseTop(modseq);
  }

  /**
   * One unit's items, maybe none that this user sees; returns the positions of held ones that changed.
   *
   * @param {number} modseq
   * @param {readonly Told[]} items
   */
  pushItems(modseq, items) {
    this.told();
    const changed = items.filter((told) => this._apply(modseq, told)).map(({ position }) => position);
    this._heard(modseq);
    return changed;
  }

  /**
   * The conversation's own value; true if it replaces.
   *
   * @param {number} modseq
   * @param {Value} about
   */
  pushAbout(modseq, about) {
    this.told();
    const changed = this.about.take(modseq, about);
    this._heard(modseq);
    return changed;
  }

  // -- messages and what reads show ---------------------------------------------------------------------------------------

  /** @param {number} position  Of a message that was handed on. A new one has no state; an older one's is asked. */
  message(position) {
    if (position <= this._lost && !this.held.has(position)) this.seen = Math.min(this.seen, 0);
    this.held.add(position, position);
    this.have = Math.max(this.have, position);
  }

  /**
   * A page's items, right as of its modseq. Older than `seen`, with items not held, it lowers `seen`.
   *
   * @param {number} modseq
   * @param {readonly Told[]} items
   */
  page(modseq, items) {
    this.met = Math.max(this.met, modseq);
    const fresh = items.filter(({ position }) => this.held.add(position, position));
    if (fresh.length > 0 && modseq < this.seen) this.seen = modseq;
    return items.filter((told) => this._apply(modseq, told)).map(({ position }) => position);
  }

  /**
   * A put says how the item stands: a page of one item, which the application holds or not as before.
   *
   * @param {number} modseq
   * @param {Told} told
   */
  answeredPut(modseq, told) {
    this.met = Math.max(this.met, modseq);
    return this._apply(modseq, told);
  }

  // -- asking -------------------------------------------------------------------------------------------------------------

  /** Whether to ask `changes`, if the conversation is shown. Without any item held there is nothing to catch up. */
  due() {
    if (this.held.isEmpty) this.seen = Math.max(this.seen, this.top);
    return this.top > this.seen && !(this.former || this.refused || this._asking);
  }

  /** The modseq after which to ask. One answer at a time, maybe of many pages. */
  ask() {
    this._asking = true;
    this._news = false;
    if (this._next !== null) return this._next;
    this._base = this.seen;
    this._goal = this.top;
    return Math.max(this.seen, 0);
  }

  /**
   * A page of `changes`. The last one raises `seen`, unless that was lowered since the first. `behind`: the server was behind
   * what is known; then the next question can wait.
   *
   * @param {readonly (Told & {modseq: number})[]} rows
   * @param {number} upto
   * @param {boolean} more
   */
  answer(rows, upto, more) {
    this._asking = false;
    this.met = Math.max(this.met, upto);
    const changed = rows.filter((row) => this._apply(row.modseq, row)).map(({ position }) => position);
    if (this.seen < this._base) {
      this._next = null;
      return { changed, behind: false };
    }
    if (more) {
      this._next = upto;
      return { changed, behind: false };
    }
    this._next = null;
    this.seen = Math.max(this.seen, upto);
    if (this._base <= 0) this._lost = 0;
    if (this._base === DOUBTED) changed.push(...this._dropDoubted());
    return { changed, behind: upto < this._goal };
  }

  /** `changes` was refused: not a member, when it was read. A push since then says that one is again. */
  refuse() {
    this._asking = false;
    this._next = null;
    this.refused = !this._news;
  }

  /** What was asked is asked again from the beginning. */
  sessionLost() {
    this.refused = this._asking = false;
    this._next = null;
  }

  // -- letting go ---------------------------------------------------------------------------------------------------------

  /** @param {number} below  Hold nothing below it. Values above `have` stay: their messages have yet to come. */
  cut(below) {
    this.held.cut(below);
    this._dropThose((position) => position < below && this._mayGo(position));
  }

  /** Hold nothing any more, and let an answer that is being read not count. */
  forgetItems() {
    this.held.clear();
    this._dropThose((position) => position <= this.have);
    this._voidAnswer();
  }

  /** Count all that is held as of 0: whatever is told next replaces it, and all is asked again. */
  recount() {
    this.seen = Math.min(this.seen, 0);
    this.about.seq = Math.min(this.about.seq, 0);
    this.settings.seq = 0;
    this.top = this.met;
    for (const [position, kept] of this.items) {
      kept.modseq = Math.min(kept.modseq, 0);
      kept.mineModseq = Math.min(kept.mineModseq, 0);
      this.unsaved.add(position);
    }
    this._voidAnswer();
  }

  /**
   * Too many values wait for their messages, or for a page: they go, and an answer that is being read does not count. What such
   * a message shows has to be asked when it comes.
   */
  forgetUnheld() {
    for (const position of this._dropThose((one) => !this.held.has(one))) {
      this._lost = Math.max(this._lost, position);
    }
    this._voidAnswer();
  }

  // -- the answer of `check` (SPEC 10.9): `replace` comes last --------------------------------------------------------------

  /**
   * What stood above this position is gone: nothing of it is held, and `have` falls.
   *
   * @param {number} above
   */
  cap(above) {
    this.held.cap(above);
    this.have = Math.min(this.have, above);
    this._lost = Math.min(this._lost, above);
    this._dropThose((position) => position > above);
    this._voidAnswer();
  }

  /**
   * No value is known to be right any more. A member asks all of them again from modseq 0; a former one, who cannot ask, holds
   * nothing. Returns the positions of held items that showed something.
   *
   * @param {boolean} former
   */
  discard(former) {
    const shown = [...this.items].filter(([at, kept]) => this.held.has(at) && kept.says).map(([at]) => at);
    this._dropThose(() => true);
    this.about.replace(DOUBTED, null);
    this.seen = this.top = this.met = this._lost = 0;
    this._voidAnswer();
    if (former) this.held.clear();
    return shown;
  }

  /**
   * Some values may be wrong, and nothing says which, nor that any is. What the application was shown stays, as of no time:
   * whatever is told next replaces it, and who is a member asks all of it from modseq 0.
   */
  doubt() {
    this._dropThose((position) => !this.held.has(position));
    for (const [position, kept] of this.items) {
      kept.modseq = kept.mineModseq = DOUBTED;
      this.unsaved.add(position);
    }
    this.seen = DOUBTED;
    this.top = this.met = this._lost = 0;
    this._voidAnswer();
  }

  /**
   * The row, whatever was known: there is more up to this modseq, and not above it. A former member's says nothing of `about`:
   * what was shown stays, if the values are as they were or doubted, until any other row tells.
   *
   * @param {{modseq: number, about: Value, settingsSeq: number, settings: Value, former: boolean}} row
   */
  replace({ modseq, about, settingsSeq, settings, former }) {
    this.told();
    this.former = former;
    this.seen = Math.min(this.seen, modseq);
    this.top = this.met = modseq;
    if (former) this.about.seq = DOUBTED;
    else this.about.replace(modseq, about);
    this.settings.replace(settingsSeq, settings);
  }

  // -- within -------------------------------------------------------------------------------------------------------------

  /** @param {(position: number) => boolean} which */
  _dropThose(which) {
    const gone = [...this.items.keys()].filter(which);
    for (const position of gone) this._drop(position);
    return gone;
  }

  /** @param {number} position */
  _drop(position) {
    this.items.delete(position);
    this.unsaved.add(position);
  }

  _voidAnswer() {
    this._next = null;
    this._base = NEVER;
  }

  /** All values were told: the others are none of this history. Returns the positions of held items that changed. */
  _dropDoubted() {
    const changed = [];
    for (const [position, kept] of [...this.items]) {
      if (kept.modseq === DOUBTED) {
        this._drop(position);
        if (kept.says) changed.push(position);
      } else if (kept.mineModseq === DOUBTED) {
        if (kept.mine !== null) changed.push(position);
        kept.mineModseq = 0;
        kept.mine = null;
        this.unsaved.add(position);
      }
    }
    return changed;
  }

  /** @param {number} position */
  _mayGo(position) {
    return !this.held.has(position) && position <= this.have && this.paging === 0;
  }

  // -- the rules ------------------------------------------------------------------------------------------------------------

  /** @param {number} modseq */
  _raiseTop(modseq) {
    this.top = Math.max(this.top, modseq);
    this.met = Math.max(this.met, modseq);
  }

  /** @param {number} modseq  Of a push that was taken in, whole. */
  _heard(modseq) {
    this._raiseTop(modseq);
    if (modseq === this.seen + 1) this.seen = modseq;
  }

  /**
   * Take over what is newer; true if a held item shows something else now.
   *
   * @param {number} modseq
   * @param {Told} told
   */
  _apply(modseq, { position, extra, mine }) {
    let kept = this.items.get(position);
    if (kept === undefined) {
      if (modseq === 0) return false; // nothing is kept of what never had a state
      kept = new Kept();
      this.items.set(position, kept);
    }
    let changed = false;
    if (modseq > kept.modseq) {
      changed = !sameBytes(extra, kept.extra);
      kept.modseq = modseq;
      kept.extra = extra;
      this.unsaved.add(position);
    }
    if (mine !== undefined && modseq > kept.mineModseq) {
      changed = changed || !sameBytes(mine, kept.mine);
      kept.mineModseq = modseq;
      kept.mine = mine;
      this.unsaved.add(position);
    }
    if (this.held.has(position)) return changed;
    if (this._mayGo(position)) this._drop(position);
    return false;
  }
}
