/** Own messages that were met, to tell which of them are gone should an older copy come back. No I/O. */

/** @typedef {import("./saved.js").SavedOwn} SavedOwn */

/**
 * So many are remembered: the newest, some weeks of a busy user. If an older one is gone, only `agreed` tells. And so many more
 * may be there before those that are too many go, in one step: one by one they would cost each post a record.
 */
const MAX_OWN = 10_000;
const OWN_SLACK = 500;

export class OwnMessages {
  constructor() {
    /**
     * By key, the eldest first.
     *
     * @type {Map<string, SavedOwn>}
     */
    this._own = new Map();
    /**
     * Keys of those that are lost, by conversation.
     *
     * @type {Map<string, Set<string>>}
     */
    this._lost = new Map();
    /** @type {Set<string>} */
    this._unsaved = new Set();
  }

  /** @param {ReadonlyMap<string, SavedOwn>} own */
  restore(own) {
    this._own = new Map(own);
    for (const [key, one] of own) if (one.lost) this._lose(key, one.conversationId);
  }

  get hasUnsaved() {
    return this._unsaved.size > 0;
  }

  /** What the store does not have yet; null: remove it. */
  unsaved() {
    return new Map([...this._unsaved].map((key) => [key, this._own.get(key) ?? null]));
  }

  saved() {
    this._unsaved.clear();
  }

  /**
   * @param {string} key
   * @param {SavedOwn} own
   */
  set(key, own) {
    const old = this._own.get(key);
    if (
      old !== undefined && old.conversationId === own.conversationId && old.position === own.position &&
      old.lost === own.lost
    ) {
      return;
    }
    if (old?.lost) this._found(key, old.conversationId);
    if (own.lost) this._lose(key, own.conversationId);
    this._own.set(key, own);
    this._unsaved.add(key);
    this._bound();
  }

  /**
   * A post was answered: from its record, which is stored in the same step, the store knows of the message.
   *
   * @param {string} key
   * @param {SavedOwn} own
   */
  posted(key, own) {
    if (this._own.has(key)) {
      this.set(key, own);
    } else {
      this._own.set(key, own);
      this._bound();
    }
  }

  /**
   * The answer that this post had may be void, and it could be offered again: true, and it is met no more, unless it is being
   * looked for already, or somebody was told that it is gone.
   *
   * @param {string} key
   * @param {number} position
   */
  takeBack(key, position) {
    const own = this._own.get(key);
    if (own === undefined || own.lost || own.position !== position) return false;
    this.drop(key);
    return true;
  }

  /**
   * Where a message that was met is; 0: nowhere, or it is looked for.
   *
   * @param {string} key
   */
  positionOf(key) {
    const own = this._own.get(key);
    return own === undefined || own.lost ? 0 : own.position;
  }

  /** @param {string} key */
  drop(key) {
    const own = this._own.get(key);
    if (own === undefined) return;
    this._own.delete(key);
    if (own.lost) this._found(key, own.conversationId);
    this._unsaved.add(key);
  }

  /** The highest position of those that are not lost, by conversation. */
  highest() {
    /** @type {Map<string, number>} */
    const found = new Map();
    for (const { conversationId, position, lost } of this._own.values()) {
      if (!lost) found.set(conversationId, Math.max(position, found.get(conversationId) ?? 0));
    }
    return found;
  }

  /**
   * The history above `keep` was replaced: own messages there are looked for.
   *
   * @param {string} name
   * @param {number} keep
   */
  replacedAbove(name, keep) {
    for (const [key, own] of [...this._own]) {
      if (own.conversationId === name && own.position > keep && !own.lost) this.set(key, { ...own, lost: true });
    }
  }

  /**
   * Keys of those in a conversation that are not lost.
   *
   * @param {string} name
   */
  keysIn(name) {
    return [...this._own].filter(([, own]) => own.conversationId === name && !own.lost).map(([key]) => key);
  }

  /**
   * Those that are looked for in a conversation are gone; returns their keys.
   *
   * @param {string} name
   */
  giveUp(name) {
    const keys = [...(this._lost.get(name) ?? [])];
    for (const key of keys) this.drop(key);
    return keys;
  }

  /** @param {readonly string[]} names */
  forget(names) {
    const gone = new Set(names);
    for (const [key, own] of [...this._own]) if (gone.has(own.conversationId)) this.drop(key);
  }

  /** @param {string} name */
  isLookedFor(name) {
    return this._lost.has(name);
  }

  /** Conversations in which own messages are looked for. */
  lookedFor() {
    return [...this._lost.keys()];
  }

  _bound() {
    if (this._own.size <= MAX_OWN + OWN_SLACK) return;
    for (const eldest of [...this._own.keys()].slice(0, OWN_SLACK)) this.drop(eldest);
  }

  /**
   * @param {string} key
   * @param {string} conversationId
   */
  _lose(key, conversationId) {
    const lost = this._lost.get(conversationId);
    if (lost === undefined) this._lost.set(conversationId, new Set([key]));
    else lost.add(key);
  }

  /**
   * @param {string} key
   * @param {string} conversationId
   */
  _found(key, conversationId) {
    const lost = this._lost.get(conversationId);
    lost?.delete(key);
    if (lost?.size === 0) this._lost.delete(conversationId);
  }
}
