/** What comes in: pushes, messages from pages, own posts that were answered; each goes to the parts that have to know. */

import { changedTarget, readContent, systemEvent, takenBack } from "../contents.js";
import { ABOUT, ACCOUNT, CURSOR_MOVED, ITEM, LAGGING, MESSAGE, SETTINGS } from "../wire/methods.js";
import { hex } from "../wire/values.js";

/** @typedef {import("../wire/methods.js").PageItem} PageItem */
/** @typedef {import("../wire/values.js").WireValue} WireValue */
/** @typedef {import("../session/payload.js").Told} Told */
/** @typedef {import("../values.js").Content} Content */

/**
 * By kind: how the fields of a push or signal are read, and who takes them.
 *
 * @typedef {Map<string, {read: import("../wire/shapes.js").Read<any>, take: (told: any) => void}>} Kinds
 */

const MEMBERSHIP = new Set(["added", "left", "removed"]);

export class Arrivals {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
    const { states } = core;
    /**
     * A kind without a row is a plugin's, or ignored (SPEC 5).
     *
     * @type {Kinds}
     */
    this.pushes = new Map();
    /** @type {Kinds} */
    this.signals = new Map();
    this.hear("message", MESSAGE, (push) => this._onMessage(push));
    this.hear("cursor", CURSOR_MOVED, (push) => this._onCursor(push));
    this.hear("lagging", LAGGING, () => this._onLagging());
    this.hear("item", ITEM, (push) => states.onItem(push));
    this.hear("about", ABOUT, (push) => states.onAbout(push));
    this.hear("settings", SETTINGS, (push) => states.onSettings(push));
    this.hear("account", ACCOUNT, (push) => states.onAccount(push));
  }

  /**
   * Handle a kind of push.
   *
   * @template T
   * @param {string} kind
   * @param {import("../wire/shapes.js").Read<T>} read
   * @param {(told: T) => void} take
   */
  hear(kind, read, take) {
    this.pushes.set(kind, { read, take });
  }

  // -- pushes and signals ---------------------------------------------------------------------------------------------------

  /** @param {Told} push */
  onPush(push) {
    const { lineage, questions, catchUp } = this._core;
    if (!lineage.open && this.pushes.has(push.kind)) {
      // It came before it is known whose history this session goes on with: sync tells of it again.
      if (push.kind === "lagging") questions.missed();
      catchUp.missed();
    } else if (!this._take(this.pushes, push)) {
      questions.pushed(push.kind, push.fields);
    }
  }

  /** @param {Told} signal */
  onSignal(signal) {
    this._take(this.signals, signal);
  }

  /**
   * Handle it; false for a kind without a row.
   *
   * @param {Kinds} kinds
   * @param {Told} told
   */
  _take(kinds, { kind, fields }) {
    const row = kinds.get(kind);
    if (row === undefined) return false;
    row.take(row.read(fields));
    return true;
  }

  /** @param {ReturnType<typeof MESSAGE>} push */
  _onMessage({ conversationId: name, position, senderId, sentAt, key, content }) {
    const { posting, states, inbox, delivery, lineage, userId } = this._core;
    if (senderId === userId) posting.seen(key, name, position, sentAt);
    states.told(name);
    const place = inbox.place(name, position);
    if (place === "next" && delivery.hasRoom()) {
      lineage.moved(name);
      this._deliver(name, { position, senderId, sentAt, key, content, revision: 1, extra: null, mine: null }, false);
    } else if (place !== "duplicate") {
      this.noteHead(name, position);
      if (inbox.has(name)) this._noteEvent(name, content);
    }
  }

  /** @param {ReturnType<typeof CURSOR_MOVED>} push */
  _onCursor({ conversationId, userId, delivered, read }) {
    const { inbox, lineage, cursors, catchUp } = this._core;
    if (inbox.has(conversationId)) {
      lineage.moved(conversationId);
      cursors.moved(conversationId, userId, { delivered, read });
    } else {
      // The conversation is new, and a sync in flight may be older than this cursor: sync once more.
      catchUp.wantSync();
    }
  }

  _onLagging() {
    this.pushesMissed();
    this._core.catchUp.wantSync();
  }

  /** Whoever heard of changes by push asks again. */
  pushesMissed() {
    this._core.questions.missed();
    this._core.ports.missed();
  }

  // -- messages -------------------------------------------------------------------------------------------------------------

  /**
   * The conversation is at least this long.
   *
   * @param {string} name
   * @param {number} position
   */
  noteHead(name, position) {
    const { inbox, lineage, catchUp } = this._core;
    if (inbox.noteHead(name, position)) {
      catchUp.wantSync();
    } else {
      lineage.moved(name);
      catchUp.wake();
    }
  }

  /** @param {string} name  Something was learnt of it. */
  moved(name) {
    if (this._core.inbox.has(name)) this._core.lineage.moved(name);
  }

  /**
   * The reply counts as this position (SPEC 9.2).
   *
   * @param {import("./outbox.js").Entry} entry
   * @param {number} position
   * @param {number} sentAt
   */
  ownMessage({ conversationId: name, key, content }, position, sentAt) {
    const { inbox, delivery, lineage, userId } = this._core;
    const place = inbox.place(name, position);
    if (place === "next" && delivery.hasRoom()) {
      lineage.moved(name);
      const item = {
        position, senderId: userId, sentAt, key: this._core.keyFrom(key), content, revision: 1, extra: null, mine: null,
      };
      this._deliver(name, item, true);
    } else if (place !== "duplicate") {
      this.noteHead(name, position);
    }
  }

  /**
   * The next message of a conversation, from a page, in order.
   *
   * @param {string} name
   * @param {PageItem} item
   */
  takeItem(name, item) {
    const { posting, inbox, userId } = this._core;
    if (item.senderId === userId) posting.seen(item.key, name, item.position, item.sentAt);
    if (inbox.place(name, item.position) !== "duplicate") this._deliver(name, item, false);
  }

  /** @param {readonly import("../wire/methods.js").SyncRow[]} rows  Rows of sync, for the cursors in them. */
  takeRows(rows) {
    const { cursors, userId } = this._core;
    for (const row of rows) {
      cursors.moved(row.conversationId, userId, row);
      for (const cursor of row.cursors) cursors.moved(row.conversationId, cursor.userId, cursor);
    }
  }

  /**
   * The application is about to get this page: what vouches for it is noted before.
   *
   * @param {string} name
   * @param {import("../wire/methods.js").HistoryResult} page
   */
  paged(name, page) {
    const { inbox, lineage } = this._core;
    const track = inbox.get(name);
    if (track === undefined) return;
    if (page.head <= track.knownHead) lineage.moved(name);
    this._vouch(this._looked(name, track, page.head, page.items));
  }

  /**
   * The application is about to get these rows of a list: what vouches for their last messages is noted before. A row that
   * shows nothing younger than what is known moves nothing: otherwise each list would have all of it checked anew.
   *
   * @param {readonly import("../wire/methods.js").ConversationRow[]} rows
   */
  listed(rows) {
    const { inbox, lineage } = this._core;
    /** @type {Map<string, number>} */
    const heads = new Map();
    for (const { conversationId: name, head, lastItem } of rows) {
      const track = inbox.get(name);
      if (track === undefined) continue;
      if (lastItem !== null && lastItem.revision > 1) lineage.moved(name);
      for (const [, news] of this._looked(name, track, head, lastItem === null ? [] : [lastItem])) heads.set(name, news);
    }
    this._vouch(heads);
  }

  /**
   * Messages of a followed conversation are about to be shown: its head, if that is news.
   *
   * @param {string} name
   * @param {{ readonly knownHead: number }} track
   * @param {number} head
   * @param {readonly PageItem[]} items
   * @returns {Map<string, number>}
   */
  _looked(name, track, head, items) {
    const { userId } = this._core;
    const news = head > track.knownHead;
    if (news) this.noteHead(name, head);
    for (const item of items) {
      if (item.senderId === userId || item.revision > 1) this._met(name, item, systemEvent(item.content));
    }
    return new Map(news ? [[name, head]] : []);
  }

  /** @param {Map<string, number>} heads  Store under which place it was learnt, with the heads that came. */
  _vouch(heads) {
    const { lineage, store } = this._core;
    const step = lineage.step();
    if (heads.size > 0 || step !== null) store.saveLineage(step, heads);
  }

  /**
   * A message of one's own, or one that was edited, was handed on, or a page shows it.
   *
   * @param {string} name
   * @param {PageItem} item
   * @param {Content | null} said
   */
  _met(name, item, said) {
    const { lineage, userId } = this._core;
    if (item.revision > 1) lineage.trails.noteEdited(name, item.position);
    if (item.senderId === userId && item.content !== null && said === null) {
      lineage.own.set(hex(item.key), { conversationId: name, position: item.position, lost: false });
    }
  }

  /**
   * A system message, handed on or not: it may tell of something else that is to be read again, or of oneself.
   *
   * @param {string} name
   * @param {Uint8Array | null} content
   */
  _noteEvent(name, content) {
    const { lineage, store, catchUp, userId } = this._core;
    const said = systemEvent(content);
    if (said === null) return null;
    const target = changedTarget(said);
    if (target !== null) {
      lineage.edited(name, target);
      store.posts.forgetContent(name, target);
    } else if (MEMBERSHIP.has(said.event) && said.user === userId) {
      if (said.event !== "added") lineage.left(name);
      catchUp.wantSync(); // it may be a team: rows say what else begins or ends
    }
    return said;
  }

  /**
   * Put a conversation's next message into the application's queue. `answered`: it is a post that was answered, which `posting` is
   * about to note.
   *
   * @param {string} name
   * @param {PageItem} item
   * @param {boolean} answered
   */
  _deliver(name, item, answered) {
    const { inbox, states, delivery, lineage, announcer, fallen, ports, userId } = this._core;
    const handed = inbox.get(name)?.handed ?? 0;
    inbox.advance(name, item.position);
    states.handedOn(name, item.position);
    const own = item.senderId === userId;
    const said = this._noteEvent(name, item.content);
    if ((own && !answered) || item.revision > 1) this._met(name, item, said);
    const taken = said === null ? null : takenBack(said);
    if (taken !== null) delivery.takenBack(name, taken.target, taken.revision);
    delivery.put(name, item, { redelivered: item.position <= handed, own });
    if (lineage.own.isLookedFor(name)) fallen.readUpToHead(name);
    if (!announcer.heard) return;
    ports.message(name, said ?? readContent(item.content));
    if (taken === null) return;
    this._core.announce({
      type: "retracted", conversationId: name, position: taken.target, revision: taken.revision, userId: item.senderId,
    });
  }
}
