/** What the application is still to be told of histories that were replaced: one notice for each conversation. No I/O. */

/** @typedef {import("./saved.js").Notice} Notice */

/** @type {(conversationId: string) => Notice} */
const nothingOf = (conversationId) => ({
  conversationId, replaced: false, agreed: null, forgotten: false, gone: [], pending: false,
});

export class Notices {
  constructor() {
    /** @type {Map<string, Notice>} */
    this._notices = new Map();
    /** @type {Set<string>} */
    this._unsaved = new Set();
  }

  /** @param {ReadonlyMap<string, Notice>} notices */
  restore(notices) {
    this._notices = new Map(notices);
  }

  get hasUnsaved() {
    return this._unsaved.size > 0;
  }

  /** What the store does not have yet; null: remove it. */
  unsaved() {
    return new Map([...this._unsaved].map((name) => [name, this._notices.get(name) ?? null]));
  }

  saved() {
    this._unsaved.clear();
  }

  /** What is to be told; kept until `told`. */
  all() {
    return [...this._notices.values()].filter((notice) => !notice.pending);
  }

  /** @param {string} name */
  has(name) {
    return this._notices.has(name);
  }

  /**
   * The application has this. If more came to it meanwhile, it is told again.
   *
   * @param {Notice} notice
   */
  told(notice) {
    if (this._notices.get(notice.conversationId) === notice) this._set(notice.conversationId, null);
  }

  /**
   * Add to what is to be told of a conversation: the application hears of all of it at once.
   *
   * @param {Partial<Notice> & {conversationId: string}} said
   */
  note(said) {
    const news = { ...nothingOf(said.conversationId), ...said };
    const old = this._notices.get(news.conversationId);
    this._set(news.conversationId, old === undefined ? news : joined(old, news));
  }

  /** `since` was accepted: what waited for its refusal is ordinary. Or refused: then it is to be told. @param {boolean} accepted */
  decide(accepted) {
    for (const [name, notice] of [...this._notices]) {
      if (notice.pending) this._set(name, accepted ? null : { ...notice, pending: false });
    }
  }

  /**
   * @param {string} name
   * @param {Notice | null} notice
   */
  _set(name, notice) {
    if (notice === null) this._notices.delete(name);
    else this._notices.set(name, notice);
    this._unsaved.add(name);
  }
}

/**
 * @param {Notice} old
 * @param {Notice} news
 * @returns {Notice}
 */
function joined(old, news) {
  const agreed = [old, news].filter((one) => one.replaced).map((one) => one.agreed);
  const known = agreed.filter((one) => one !== null);
  return {
    conversationId: news.conversationId,
    replaced: agreed.length > 0,
    agreed: known.length > 0 && known.length === agreed.length ? Math.min(...known) : null,
    forgotten: news.forgotten || (old.forgotten && !news.replaced),
    gone: [...old.gone, ...news.gone],
    pending: old.pending && news.pending,
  };
}
