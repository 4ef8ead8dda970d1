/**
 * The progress of each conversation: `have` and `knownHead` (SPEC 10). No I/O, no clock.
 *
 * Of very many conversations this is a window: beyond `maxConversations` those that are quiet and were listed longest ago are
 * let go, and come back with their next row. What can be let go, and what is kept of it, the rest of the client says.
 */

/** @typedef {import("./saved.js").SavedPosition} SavedPosition */
/** @typedef {import("../wire/methods.js").SyncRow} SyncRow */

/**
 * How a position relates to a conversation's progress. `next`: have + 1, hand it over. `duplicate`: at or below have. `ahead`:
 * above have + 1, or in a conversation that sync has not explained yet.
 *
 * @typedef {"next" | "duplicate" | "ahead"} Place
 */

/** One followed conversation. `have`: handed on up to here, in this process. `handed`: by an earlier process. */
export class Track {
  /** @param {SavedPosition} position */
  constructor({ have, handed, knownHead }) {
    this.have = have;
    this.handed = handed;
    this.knownHead = Math.max(knownHead, have, handed);
    this.kind = "";
    this.reading = false;
    /** How many rows of sync told of it. */
    this.listed = 0;
  }

  /** Changes with whatever says that one is in the conversation. */
  get standing() {
    return `${this.knownHead} ${this.listed}`;
  }

  get isBehind() {
    return this.have < this.knownHead;
  }
}

/** All followed conversations, those that are behind, and heads of those that no sync has listed yet. */
export class Inbox {
  /**
   * @param {number} maxConversations
   * @param {number} maxUnknown
   */
  constructor(maxConversations, maxUnknown) {
    this._maxConversations = maxConversations;
    this._maxUnknown = maxUnknown;
    /** @type {Map<string, Track>} */
    this._tracks = new Map();
    /** @type {Map<string, number>} */
    this._unknown = new Map();
    /**
     * Conversations with have < knownHead, longest waiting first.
     *
     * @type {Map<string, Track>}
     */
    this._behind = new Map();
    /** Counts calls of `voidAnswers`: answers to earlier requests do not count. */
    this.epoch = 0;
    /** With more than so many, some are to be let go. */
    this._room = maxConversations;
  }

  /** @param {ReadonlyMap<string, SavedPosition>} positions */
  restore(positions) {
    for (const [name, saved] of positions) this._put(name, new Track(saved));
  }

  get size() {
    return this._tracks.size;
  }

  names() {
    return this._tracks.keys();
  }

  /**
   * Whether conversations are to be let go. `listed`: a sync has ended, which made some of them quiet.
   *
   * @param {boolean} listed
   */
  crowded(listed) {
    return this._tracks.size > (listed ? this._maxConversations : this._room);
  }

  /** Those with nothing to read, listed longest ago first. */
  quiet() {
    return [...this._tracks].filter(([, track]) => !track.isBehind && !track.reading).map(([name]) => name);
  }

  /**
   * These are not followed for a while. If they were too few, more are wanted only when there are more.
   *
   * @param {readonly string[]} names
   */
  letGo(names) {
    for (const name of names) this.drop(name);
    this._room = Math.max(this._maxConversations, this._tracks.size + this._slack);
  }

  /** So many are let go at once, for to look for them takes time. */
  get _slack() {
    return Math.floor(this._maxConversations / 20) + 1;
  }

  /** How many to let go. */
  get surplus() {
    return Math.max(0, this._tracks.size - this._maxConversations + this._slack - 1);
  }

  /** Positions are about to be checked: what was asked with those of before does not count. */
  voidAnswers() {
    this._unknown.clear();
    this.epoch += 1;
  }

  /**
   * A row that replaces: the head is this one, and nothing above `keep` was handed on.
   *
   * @param {SyncRow} row
   * @param {number | null} keep
   * @param {number} head
   */
  fall(row, keep, head) {
    const track = this._tracks.get(row.conversationId);
    if (track === undefined) return;
    if (keep !== null) {
      track.have = Math.min(track.have, keep);
      track.handed = Math.min(track.handed, keep);
    }
    track.knownHead = Math.max(head, track.have);
    track.kind = row.kind;
    this._lookAt(row.conversationId, track);
  }

  /** @param {string} name */
  drop(name) {
    this._tracks.delete(name);
    this._behind.delete(name);
  }

  /**
   * `Track.standing`; null if it is not followed.
   *
   * @param {string} name
   */
  standing(name) {
    return this._tracks.get(name)?.standing ?? null;
  }

  /** @param {string} name */
  get(name) {
    return this._tracks.get(name);
  }

  /** @param {string} name */
  has(name) {
    return this._tracks.has(name);
  }

  /**
   * The highest known position of the conversation; null if it is not followed.
   *
   * @param {string} name
   */
  knownHead(name) {
    return this._tracks.get(name)?.knownHead ?? null;
  }

  // -- positions ----------------------------------------------------------------------------------------------------------

  /**
   * What to do with a message at this position.
   *
   * @param {string} name
   * @param {number} position
   * @returns {Place}
   */
  place(name, position) {
    const track = this._tracks.get(name);
    if (track === undefined) return "ahead";
    if (position <= track.have) return "duplicate";
    return position === track.have + 1 ? "next" : "ahead";
  }

  /**
   * Mark everything up to `position` as handed on.
   *
   * @param {string} name
   * @param {number} position
   */
  advance(name, position) {
    const track = this._tracks.get(name);
    if (track === undefined) return;
    track.have = Math.max(track.have, position);
    track.knownHead = Math.max(track.knownHead, position);
    this._lookAt(name, track);
  }

  /**
   * The conversation reaches at least up to `position`. True if sync has to explain the conversation first.
   *
   * @param {string} name
   * @param {number} position
   */
  noteHead(name, position) {
    const track = this._tracks.get(name);
    if (track === undefined) {
      if (this._unknown.has(name) || this._unknown.size < this._maxUnknown) {
        this._unknown.set(name, Math.max(position, this._unknown.get(name) ?? 0));
      }
      return true;
    }
    track.knownHead = Math.max(track.knownHead, position);
    this._lookAt(name, track);
    return false;
  }

  /**
   * Give up missing positions, which cannot be read: go on when the conversation moves again.
   *
   * @param {string} name
   */
  giveUp(name) {
    const track = this._tracks.get(name);
    if (track === undefined) return;
    track.knownHead = track.have;
    this._lookAt(name, track);
  }

  // -- sync ---------------------------------------------------------------------------------------------------------------

  /**
   * Apply rows of sync; returns the positions to store in the same step as the token.
   *
   * In a device's first sync conversations start at their heads; later, where the row says that the user joined. Those of
   * `resting` go on where they were. Where twice as many as are wanted cannot be let go, rows of others find no room: their
   * conversations are not followed.
   *
   * @param {readonly SyncRow[]} rows
   * @param {boolean} firstSync
   * @param {ReadonlyMap<string, SavedPosition>} resting
   */
  apply(rows, firstSync, resting) {
    /** @type {Map<string, SavedPosition>} */
    const changed = new Map();
    for (const row of rows) {
      const name = row.conversationId;
      const readable = row.leftAt === null ? row.head : Math.min(row.head, row.leftAt);
      let track = this._tracks.get(name);
      let start = 0;
      if (track === undefined) {
        if (this._tracks.size >= 2 * this._maxConversations) continue;
        start = firstSync ? readable : Math.min(Math.max(row.joinedAt - 1, 0), readable);
        const rested = resting.get(name);
        if (rested !== undefined) start = rested.have;
        track = new Track(rested ?? { have: start, handed: 0, knownHead: start });
      }
      const noted = this._unknown.get(name) ?? 0;
      this._unknown.delete(name);
      track.kind = row.kind;
      track.listed += 1;
      track.knownHead = Math.max(track.knownHead, readable, noted);
      this._tracks.delete(name); // the one that was listed last is the last
      this._put(name, track);
      changed.set(name, { have: start, handed: 0, knownHead: track.knownHead });
    }
    return changed;
  }

  /** Sync is finished: forget unknown conversations that it did not list. */
  explained() {
    this._unknown.clear();
  }

  // -- reading ------------------------------------------------------------------------------------------------------------

  /** The conversation that has been behind for longest and is not being read. */
  nextToRead() {
    for (const [name, track] of this._behind) if (!track.reading) return { name, track };
    return null;
  }

  /**
   * @param {string} name
   * @param {Track} track
   */
  _put(name, track) {
    this._tracks.set(name, track);
    this._lookAt(name, track);
  }

  /**
   * @param {string} name
   * @param {Track} track
   */
  _lookAt(name, track) {
    if (!track.isBehind) this._behind.delete(name);
    else if (this._behind.get(name) !== track) this._behind.set(name, track);
  }
}
