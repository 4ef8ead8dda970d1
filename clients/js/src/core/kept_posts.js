/** The outbox and the newest answered posts, as the store keeps them: in memory, too, for there are few and they are small. */

import { numberKey, ownRecord, postRecord, readPost } from "./saved.js";

/** @typedef {import("./saved.js").SavedPost} SavedPost */
/** @typedef {import("./saved.js").SavedOwn} SavedOwn */

/**
 * Posts that have their answer are kept, so that they can be offered again: the newest, up to so many and so many bytes of
 * content; looked at every so many answers.
 */
const ANSWERED_KEPT = 1000;
const ANSWERED_KEPT_BYTES = 4 * 1024 * 1024;
const ANSWERED_EVERY = 256;

export class KeptPosts {
  /** @param {import("./journal.js").Journal} journal */
  constructor(journal) {
    this._journal = journal;
    /**
     * By key, with the number of each one's record.
     *
     * @type {Map<string, {number: number, post: SavedPost}>}
     */
    this._posts = new Map();
    this._numbers = 0;
    this._answers = 0;
    /**
     * Keys in the table `own`.
     *
     * @type {Set<string>}
     */
    this._own = new Set();
  }

  /** @param {import("../ports.js").Loaded} loaded */
  open(loaded) {
    for (const [number, record] of loaded.posts) {
      const post = readPost(record);
      this._posts.set(post.key, { number: Number(number), post });
      this._numbers = Math.max(this._numbers, Number(number));
    }
    this._own = new Set(loaded.own.keys());
  }

  /** Posts without an answer, in the order of posting. */
  outbox() {
    return [...this._posts.values()].map(({ post }) => post).filter(({ position }) => position === null);
  }

  /**
   * Own messages that were met, those of answered posts among them; those of the lowest positions first.
   *
   * @param {Map<string, SavedOwn>} met  Those in the table `own`.
   */
  own(met) {
    /** @type {[string, SavedOwn][]} */
    const answered = [];
    for (const [key, { post }] of this._posts) {
      if (post.position && !met.has(key)) {
        answered.push([key, { conversationId: post.conversationId, position: post.position, lost: false }]);
      }
    }
    return new Map([...answered, ...met].sort((one, other) => one[1].position - other[1].position));
  }

  /**
   * Whether a message with this key was met before, in any history: the server may have it, so only the server knows what becomes
   * of giving it up.
   *
   * @param {string} key
   */
  wasAnswered(key) {
    return this._own.has(key) || (this._posts.get(key)?.post.position ?? null) !== null;
  }

  /**
   * Put a post at the end of the outbox. One that is answered, and posted again, has its old place: before what was posted since,
   * should an older copy of the server's database come back. One that is gone since is new.
   *
   * @param {{conversationId: string, key: string, content: Uint8Array}} given
   */
  add({ conversationId, key, content }) {
    const old = this._posts.get(key);
    let number = this._numbers + 1;
    if (old?.post.position) {
      this._keepOwn(key, { conversationId: old.post.conversationId, position: old.post.position, lost: false });
      number = old.number;
    } else this.remove(key);
    this._numbers = Math.max(this._numbers, number);
    this._putPost(number, { conversationId, key, content, position: null });
  }

  /**
   * A post was refused, or given up.
   *
   * @param {string} key
   */
  remove(key) {
    const old = this._posts.get(key);
    if (old === undefined) return;
    this._posts.delete(key);
    this._journal.put("posts", numberKey(old.number), undefined);
  }

  /**
   * A post is stored at this position; null: it has no answer after all; 0: it is gone.
   *
   * @param {string} key
   * @param {number | null} position
   */
  setPosition(key, position) {
    const kept = this._posts.get(key);
    if (kept !== undefined) this._putPost(kept.number, { ...kept.post, position });
  }

  /**
   * A post is stored at this position.
   *
   * @param {string} key
   * @param {number} position
   */
  answer(key, position) {
    this.setPosition(key, position);
    this._answers += 1;
    if (this._answers % ANSWERED_EVERY === 0) this._keepNewest();
  }

  /**
   * Posts of this device above this position that are still kept, in the order of posting. `passed`: the application is done
   * with that position.
   *
   * @param {string} conversationId
   * @param {number} above
   * @param {number} have  What the application is done with.
   */
  answered(conversationId, above, have) {
    const found = [];
    for (const { post } of this._posts.values()) {
      if (post.conversationId === conversationId && post.position !== null && post.position > above) {
        found.push({ post, position: post.position, passed: post.position <= have });
      }
    }
    return found;
  }

  /**
   * The content of an answered post, if it is still kept.
   *
   * @param {string} key
   */
  contentOf(key) {
    const post = this._posts.get(key)?.post;
    return post === undefined || post.position === null ? null : post.content;
  }

  /**
   * What was posted there says something else now, or nothing: it is not to be offered again.
   *
   * @param {string} conversationId
   * @param {number} position
   */
  forgetContent(conversationId, position) {
    for (const { post } of [...this._posts.values()]) {
      if (post.position === position && post.conversationId === conversationId) this._dropAnswered(post);
    }
  }

  /**
   * Put or remove a record of the table `own`.
   *
   * @param {string} key
   * @param {SavedOwn | null} own
   */
  putOwn(key, own) {
    if (own === null) this._own.delete(key);
    else this._own.add(key);
    this._journal.put("own", key, own === null ? undefined : ownRecord(own));
    if (own === null && this._posts.get(key)?.post.position) this.setPosition(key, 0);
  }

  // -- within -----------------------------------------------------------------------------------------------------------

  /**
   * @param {number} number
   * @param {SavedPost} post
   */
  _putPost(number, post) {
    this._posts.set(post.key, { number, post });
    this._journal.put("posts", numberKey(number), postRecord(post));
  }

  /** @param {SavedPost} post */
  _dropAnswered({ conversationId, key, position }) {
    if (position) this._keepOwn(key, { conversationId, position, lost: false });
    this.remove(key);
  }

  /**
   * The post's record goes, and that it was met stays.
   *
   * @param {string} key
   * @param {SavedOwn} own
   */
  _keepOwn(key, own) {
    if (this._own.has(key)) return;
    this._own.add(key);
    this._journal.put("own", key, ownRecord(own));
  }

  _keepNewest() {
    const answered = [...this._posts.values()].map(({ post }) => post).filter(({ position }) => position !== null);
    let size = 0;
    let kept = 0;
    for (const post of answered.reverse()) {
      size += post.content.length;
      kept += 1;
      if (kept > ANSWERED_KEPT || size > ANSWERED_KEPT_BYTES) this._dropAnswered(post);
    }
  }
}
