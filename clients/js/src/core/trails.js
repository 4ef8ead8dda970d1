/** What is known of each conversation's history, beside its messages: where it was learnt, and what is to be read again. */

import { Ranges } from "./ranges.js";

/** @typedef {import("./saved.js").SavedTrail} SavedTrail */

/** Ranges of positions with edited messages, for each conversation. More are joined: then some are read again for nothing. */
const MAX_EDITED_RANGES = 100;

/** @type {SavedTrail} */
const NOTHING = { place: null, edited: [], again: [], veiled: false, team: null };

export class Trail {
  /** @param {SavedTrail} [saved] */
  constructor(saved = NOTHING) {
    /** The place under which something moved here last; null: clean. */
    this.place = saved.place;
    /** Where messages with a revision above 1 are. */
    this.edited = new Ranges(saved.edited);
    /** What is to be read again; what is being read again, and where a message was edited meanwhile. */
    this.again = new Ranges(saved.again);
    /** @type {[number, number] | null} */
    this.reading = null;
    /** @type {Set<number>} */
    this.touched = new Set();
    /** Something may have been read as a former member: what changed after leaving did not show. */
    this.veiled = saved.veiled;
    /** `changes` is being asked, and will show it. */
    this.lifting = false;
    this.team = saved.team;
  }

  get isNothing() {
    return (
      this.place === null && this.edited.isEmpty && this.again.isEmpty && !this.veiled && this.team === null
    );
  }

  /**
   * What is to be stored; null if that is nothing.
   *
   * @returns {SavedTrail | null}
   */
  saved() {
    if (this.isNothing) return null;
    const { place, veiled, team } = this;
    return { place, edited: this.edited.pairs(), again: this.again.pairs(), veiled, team };
  }
}

/** All trails, and which of them the store does not have yet. */
export class Trails {
  constructor() {
    /** @type {Map<string, Trail>} */
    this._trails = new Map();
    /** @type {Set<string>} */
    this._unsaved = new Set();
  }

  /** @param {ReadonlyMap<string, SavedTrail>} trails */
  restore(trails) {
    this._trails = new Map([...trails].map(([name, saved]) => [name, new Trail(saved)]));
  }

  get hasUnsaved() {
    return this._unsaved.size > 0;
  }

  unsaved() {
    return new Map([...this._unsaved].map((name) => [name, this._trails.get(name)?.saved() ?? null]));
  }

  saved() {
    this._unsaved.clear();
  }

  entries() {
    return this._trails.entries();
  }

  /** @param {string} name */
  get(name) {
    return this._trails.get(name);
  }

  /**
   * The trail of this conversation, a new one if there is none.
   *
   * @param {string} name
   */
  of(name) {
    let trail = this._trails.get(name);
    if (trail === undefined) this._trails.set(name, (trail = new Trail()));
    return trail;
  }

  /** @param {string} name */
  changed(name) {
    this._unsaved.add(name);
  }

  /**
   * @param {string} name
   * @param {string | null} place
   */
  setPlace(name, place) {
    this.of(name).place = place;
    this._unsaved.add(name);
  }

  /** @param {string} name */
  drop(name) {
    if (this._trails.delete(name)) this._unsaved.add(name);
  }

  /**
   * A message with a revision above 1 is there.
   *
   * @param {string} name
   * @param {number} position
   */
  noteEdited(name, position) {
    const trail = this.of(name);
    if (!trail.edited.add(position, position)) return;
    trail.edited.join(MAX_EDITED_RANGES);
    this._unsaved.add(name);
  }

  // -- reading again ------------------------------------------------------------------------------------------------------

  /** Conversations with messages that are to be read again, and are not being read. */
  toReread() {
    return [...this._trails].filter(([, trail]) => !trail.again.isEmpty && trail.reading === null).map(([name]) => name);
  }

  /**
   * The next positions to be read again, first and last, at most `limit`; null: none, or they are being read.
   *
   * @param {string} name
   * @param {number} limit
   */
  reread(name, limit) {
    const trail = this._trails.get(name);
    if (trail === undefined || trail.again.isEmpty || trail.reading !== null) return null;
    const [low, high] = trail.again.pairs()[0];
    trail.reading = [low, Math.min(high, low + limit - 1)];
    trail.touched.clear();
    return trail.reading;
  }

  /**
   * The application has what the page says, which is complete up to this position; null: there was no page. Only then it is to
   * be stored, so that a kill loses nothing.
   *
   * @param {string} name
   * @param {number | null} upto
   */
  rereadAnswered(name, upto) {
    const trail = this._trails.get(name);
    if (trail === undefined || trail.reading === null) return;
    const [low, high] = trail.reading;
    trail.reading = null;
    if (upto === null) return;
    trail.again.remove(low, Math.min(high, upto));
    for (const target of trail.touched) trail.again.add(target, target); // the page may be older than that
    this._unsaved.add(name);
  }
}
