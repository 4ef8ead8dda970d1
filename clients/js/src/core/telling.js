/**
 * Tells the application what came of an older copy of the server's database: each thing once, and again if the process is killed
 * before anybody heard it.
 */

import { readContent } from "../contents.js";
import { fromHex } from "../wire/values.js";

/** @typedef {import("./saved.js").Notice} Notice */
/** @typedef {import("../events.js").HistoryReplaced | import("../events.js").PostsGone} KeptEvent */

/** Events for the notices of `Lineage`, which are kept until these were heard. */
export class Telling {
  /**
   * @param {import("./lineage.js").Lineage} lineage
   * @param {import("./store.js").Store} store
   * @param {import("./announcer.js").Announcer} announcer
   */
  constructor(lineage, store, announcer) {
    this._lineage = lineage;
    this._store = store;
    this._announcer = announcer;
    /**
     * Events of each conversation that nobody has heard yet.
     *
     * @type {Map<string, number>}
     */
    this._unheard = new Map();
    /**
     * Own messages that are in one of them.
     *
     * @type {Map<string, Set<string>>}
     */
    this._gone = new Map();
    this._over = false;
  }

  /** What an earlier process did not get to tell. */
  restore() {
    for (const notice of this._lineage.notices.all()) this.notice(notice);
  }

  /**
   * Something came to this notice that is none of single events: tell all of it.
   *
   * @param {Notice} notice
   */
  notice(notice) {
    if (notice.replaced || notice.forgotten) {
      this.replaced(notice.conversationId, notice.forgotten ? null : notice.agreed);
    }
    this.gone(notice);
  }

  /**
   * A history was replaced. To be called before anything of the new one is announced.
   *
   * @param {string} conversationId
   * @param {number | null} agreed
   */
  replaced(conversationId, agreed) {
    this._keep({ type: "historyReplaced", conversationId, agreed });
  }

  /**
   * Own messages were not found.
   *
   * @param {Notice} notice
   */
  gone({ conversationId, gone }) {
    const told = this._gone.get(conversationId) ?? new Set();
    this._gone.set(conversationId, told);
    const keys = gone.filter((key) => !told.has(key));
    if (keys.length === 0) return;
    for (const key of keys) told.add(key);
    const posts = keys.map((key) => ({ key: fromHex(key), content: readContent(this._store.posts.contentOf(key)) }));
    this._keep({ type: "postsGone", conversationId, posts });
  }

  /** The store is about to be closed: what is heard from now on is told again at the next start. */
  end() {
    this._over = true;
  }

  /** @param {KeptEvent} event */
  _keep(event) {
    const name = event.conversationId;
    this._unheard.set(name, (this._unheard.get(name) ?? 0) + 1);
    this._announcer.keep(event, () => this._heard(name));
  }

  /** @param {string} name */
  _heard(name) {
    const left = (this._unheard.get(name) ?? 1) - 1;
    this._unheard.set(name, left);
    if (left > 0 || this._over) return;
    this._unheard.delete(name);
    this._gone.delete(name);
    for (const notice of this._lineage.notices.all()) {
      if (notice.conversationId === name) this._lineage.notices.told(notice);
    }
    this._store.saveLineage(this._lineage.step());
  }
}
