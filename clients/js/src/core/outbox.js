/**
 * The outbox: posts without a reply, and the choice of those that may be offered now (SPEC 9). No I/O, no clock.
 *
 * Each conversation is a lane: its posts are offered in order, many at a time. A retryable refusal closes the lane until all of
 * its posts in flight are answered and the hold has ended; then they are offered again in order, first one post, and twice as
 * many after each success, so that a rate limit is not answered with a flood. The lane is closed, too, while one of its posts is
 * being given up: later posts may not be stored before the outcome of that one is known.
 */

/** Posts of one lane in flight at a time: only the session's window bounds them. */
const MANY = 2 ** 30;

/** One post. */
export class Entry {
  /** @param {{number: number, conversationId: string, key: string, content: Uint8Array, offered: boolean, stored: boolean}} given */
  constructor({ number, conversationId, key, content, offered, stored }) {
    this.number = number;
    this.conversationId = conversationId;
    /** In hexadecimal digits. */
    this.key = key;
    this.content = content;
    /** It may have reached the server, now, in an earlier process, or before an answer that it had. */
    this.offered = offered;
    /** It is in the store, so it may be offered. */
    this.stored = stored;
    /** It was not to wait for the store: neither does its answer. */
    this.now = false;
    this.inFlight = false;
    /** Settled, but not yet removed from its lane's queue. */
    this.gone = false;
    /**
     * Refused for now in this session: the server holds the conversation until this key is offered again or abandoned, also if a
     * page has meanwhile shown that the post was committed.
     */
    this.holds = false;
    /** How many calls are giving it up. */
    this.paused = 0;
    /** Connections that the server closed with a violation while this post was the only one in flight. */
    this.violations = 0;
  }

  /** Whether to offer it: to have it stored, or to lift its hold. */
  get wanted() {
    return !this.gone || this.holds;
  }

  /**
   * Whether an `abandon` is to lift its hold. A post not yet refused in this session is offered first: until then it may be
   * stored (SPEC 9.4).
   */
  get givenUp() {
    return this.paused > 0 && this.holds;
  }
}

/** The posts of one conversation. */
class Lane {
  /** @param {string} conversationId */
  constructor(conversationId) {
    this.conversationId = conversationId;
    /** @type {Entry[]} */
    this.unsent = [];
    /** @type {Set<Entry>} */
    this.inFlight = new Set();
    /**
     * Refused for now; they go back to the front when nothing of the lane is in flight.
     *
     * @type {Entry[]}
     */
    this.returned = [];
    /**
     * Those that a call is giving up. They keep their places, too.
     *
     * @type {Set<Entry>}
     */
    this.givingUp = new Set();
    /** @type {number | null} */
    this.heldUntil = null;
    this.allowed = MANY;
  }

  /** Whether the next post of the lane may be offered. */
  get open() {
    return (
      this.unsent.length > 0 && this.unsent[0].stored && this.returned.length === 0 && this.heldUntil === null &&
      this.inFlight.size < this.allowed && ![...this.givingUp].some((entry) => entry.givenUp)
    );
  }

  get isEmpty() {
    const waiting = this.unsent.length + this.inFlight.size + this.returned.length + this.givingUp.size;
    return waiting === 0 && this.heldUntil === null;
  }

  /** If nothing is in flight, put refused posts back in their old places. */
  gather() {
    if (this.returned.length === 0 || this.inFlight.size > 0) return;
    const back = this.returned.filter((entry) => entry.wanted);
    this.unsent = [...back, ...this.unsent].sort((one, other) => one.number - other.number);
    this.returned = [];
  }
}

/** All lanes. */
export class Outbox {
  constructor() {
    /** @type {Map<string, Entry>} */
    this._entries = new Map();
    /** @type {Map<string, Lane>} */
    this._lanes = new Map();
    /**
     * Round-robin between lanes.
     *
     * @type {Map<string, Lane>}
     */
    this._ready = new Map();
    this._numbers = 0;
    this._first = 0;
    this.bytes = 0;
    this.inFlight = 0;
    /** Number of the newest post at the last violation. */
    this._suspects = 0;
  }

  get size() {
    return this._entries.size;
  }

  entries() {
    return [...this._entries.values()];
  }

  /** True after a violation, until the posts of that time are settled: one post in flight in all lanes together. */
  get oneByOne() {
    if (this._suspects > 0) {
      const first = this._entries.values().next();
      if (first.done || first.value.number > this._suspects) this._suspects = 0;
    }
    return this._suspects > 0;
  }

  /** @param {string} key */
  get(key) {
    return this._entries.get(key);
  }

  /**
   * Put a new key at the end.
   *
   * @param {{conversationId: string, key: string, content: Uint8Array, offered?: boolean, stored?: boolean}} post
   */
  add({ conversationId, key, content, offered = false, stored = false }) {
    this._numbers += 1;
    const entry = new Entry({ number: this._numbers, conversationId, key, content, offered, stored });
    this._entries.set(key, entry);
    this.bytes += content.length;
    const lane = this._lane(conversationId);
    lane.unsent.push(entry);
    this._lookAt(lane);
    return entry;
  }

  /**
   * The post is in the store: it may be offered.
   *
   * @param {Entry} entry
   */
  stored(entry) {
    entry.stored = true;
    if (!entry.gone) this._lookAt(this._lane(entry.conversationId));
  }

  /**
   * Put posts before all others: they had been answered once. Those that are here already, for they were posted again, move to
   * their places among them.
   *
   * @param {readonly {conversationId: string, key: string, content: Uint8Array}[]} posts
   */
  offerFirst(posts) {
    const later = this._entries;
    this._entries = new Map();
    posts.forEach(({ conversationId, key, content }, at) => {
      const number = this._first - posts.length + at;
      let entry = later.get(key);
      later.delete(key);
      if (entry === undefined) {
        entry = new Entry({ number, conversationId, key, content, offered: true, stored: true });
        this.bytes += content.length;
        this._lane(conversationId).returned.push(entry);
      }
      entry.number = number;
      this._entries.set(key, entry);
    });
    this._first -= posts.length;
    for (const [key, entry] of later) this._entries.set(key, entry);
    for (const name of new Set(posts.map((post) => post.conversationId))) {
      const lane = this._lane(name);
      lane.unsent.sort((one, other) => one.number - other.number);
      this._lookAt(lane);
    }
  }

  // -- offering -----------------------------------------------------------------------------------------------------------

  /** Take the next post that may be offered; it counts as in flight until `landed`, `held`, `remove` or `back`. */
  next() {
    while (this._ready.size > 0 && !(this.oneByOne && this.inFlight > 0)) {
      const lane = /** @type {Lane} */ (this._ready.values().next().value);
      this._ready.delete(lane.conversationId);
      const entry = lane.open ? lane.unsent.shift() : undefined;
      if (entry !== undefined && entry.wanted) {
        entry.inFlight = entry.offered = true;
        lane.inFlight.add(entry);
        this.inFlight += 1;
        this._lookAt(lane);
        return entry;
      }
      this._lookAt(lane);
    }
    return null;
  }

  /**
   * Take back a post from `next` that found no room.
   *
   * @param {Entry} entry
   */
  back(entry) {
    const lane = this._land(entry);
    lane.unsent.unshift(entry);
    const others = [...this._ready];
    this._ready = new Map([[lane.conversationId, lane], ...others]);
  }

  /**
   * The post is settled. `accepted`: the server took it, so its lane may go on faster.
   *
   * @param {Entry} entry
   * @param {boolean} accepted
   */
  remove(entry, accepted) {
    if (!this._entries.delete(entry.key)) return;
    this.bytes -= entry.content.length;
    entry.gone = true;
    const lane = this._land(entry);
    if (accepted && lane.allowed < MANY) lane.allowed *= 2;
    this._lookAt(lane);
  }

  /**
   * An answer came for a post that is settled or being given up: it is in flight no more.
   *
   * @param {Entry} entry
   */
  landed(entry) {
    this._lookAt(this._land(entry));
  }

  /**
   * Refused for now: the lane waits.
   *
   * @param {Entry} entry
   * @param {number} until
   */
  held(entry, until) {
    const lane = this._land(entry);
    entry.holds = true;
    lane.returned.push(entry);
    lane.allowed = 1;
    lane.heldUntil = Math.max(until, lane.heldUntil ?? until);
    this._lookAt(lane);
  }

  /**
   * A call gives the post up. From its refusal in this session until `givenUp` or `resume` its lane is closed.
   *
   * @param {Entry} entry
   */
  giveUp(entry) {
    entry.paused += 1;
    this._lane(entry.conversationId).givingUp.add(entry);
  }

  /**
   * An `abandon` was answered: the server holds nothing for this key any more.
   *
   * @param {Entry} entry
   */
  givenUp(entry) {
    entry.holds = false;
    this.resume(entry);
  }

  /**
   * A call stops giving the post up. Unless it is settled, or another call gives it up, it is offered again.
   *
   * @param {Entry} entry
   */
  resume(entry) {
    entry.paused -= 1;
    const lane = this._lane(entry.conversationId);
    if (entry.paused === 0) lane.givingUp.delete(entry);
    this._lookAt(lane);
  }

  /** Posts in flight are undecided: offer all of them again, in order. A fresh session has no holds. */
  sessionLost() {
    for (const lane of [...this._lanes.values()]) {
      lane.heldUntil = null;
      for (const entry of [...lane.unsent, ...lane.returned, ...lane.givingUp, ...lane.inFlight]) entry.holds = false;
      for (const entry of [...lane.inFlight]) {
        this._land(entry);
        if (!entry.gone) lane.returned.push(entry);
      }
      this._lookAt(lane);
    }
  }

  /**
   * A connection closed for a violation. Offer one by one from now on; returns a post that caused it twice.
   *
   * @param {boolean} byServer
   */
  violation(byServer) {
    let guilty = null;
    if (this.oneByOne && byServer && this.inFlight === 1) {
      const [sole] = [...this._lanes.values()].flatMap((lane) => [...lane.inFlight]);
      sole.violations += 1;
      if (sole.violations >= 2) guilty = sole;
    }
    this._suspects = this._numbers;
    return guilty;
  }

  /** Conversations that have posts here. */
  conversations() {
    return new Set([...this._entries.values()].map((entry) => entry.conversationId));
  }

  /**
   * Whether the lane waits for the end of a hold.
   *
   * @param {string} conversationId
   */
  isHeld(conversationId) {
    return (this._lanes.get(conversationId)?.heldUntil ?? null) !== null;
  }

  // -- holds --------------------------------------------------------------------------------------------------------------

  /**
   * End the holds whose time has come; returns when the next one ends.
   *
   * @param {number} now
   * @returns {number | null}
   */
  lift(now) {
    let nextAt = null;
    for (const lane of [...this._lanes.values()]) {
      if (lane.heldUntil === null) continue;
      if (lane.heldUntil <= now) {
        lane.heldUntil = null;
        this._lookAt(lane);
      } else if (nextAt === null || lane.heldUntil < nextAt) {
        nextAt = lane.heldUntil;
      }
    }
    return nextAt;
  }

  // -- within -------------------------------------------------------------------------------------------------------------

  /** @param {string} conversationId */
  _lane(conversationId) {
    let lane = this._lanes.get(conversationId);
    if (lane === undefined) this._lanes.set(conversationId, (lane = new Lane(conversationId)));
    return lane;
  }

  /** @param {Entry} entry */
  _land(entry) {
    const lane = this._lane(entry.conversationId);
    if (entry.inFlight) {
      entry.inFlight = false;
      lane.inFlight.delete(entry);
      this.inFlight -= 1;
    }
    return lane;
  }

  /** @param {Lane} lane */
  _lookAt(lane) {
    lane.gather();
    while (lane.unsent.length > 0 && !lane.unsent[0].wanted) lane.unsent.shift();
    if (lane.open) {
      this._ready.set(lane.conversationId, lane);
    } else {
      this._ready.delete(lane.conversationId);
      if (lane.isEmpty) this._lanes.delete(lane.conversationId);
    }
  }
}
