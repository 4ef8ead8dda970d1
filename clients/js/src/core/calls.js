/** The application's calls that are one request and one reply. Mutating ones have a key, so all may be repeated. */

import { shownItem } from "../contents.js";
import { Misuse, RefusalCode, Refused } from "../errors.js";
import { MAX_MEMBERS_PAGE } from "../wire/limits.js";
import {
  ADD, CONVERSATIONS, CREATE, CURSOR, HISTORY, LEAVE, MEMBERS, REMOVE, RENEW, USERS,
} from "../wire/methods.js";
import { compareByBytes } from "../wire/ids.js";
import { plainMap } from "../wire/values.js";

const KINDS = ["direct", "group", "channel"];
const ROLES = ["owner", "admin", "member", "reader"];

/** One method for each wire method; see Client for what they mean. */
export class Calls {
  /** @param {import("./core.js").Core} core */
  constructor(core) {
    this._core = core;
  }

  // -- reading --------------------------------------------------------------------------------------------------------------

  /**
   * @param {string} name
   * @param {number | null} after
   * @param {number | null} before
   * @param {number} limit
   * @returns {Promise<import("../values.js").Page>}
   */
  async history(name, after, before, limit) {
    const { inbox, states, requests, limits, fallen, arrivals, store } = this._core;
    if (after !== null && before !== null) throw new Misuse("either before or after");
    if (!(limit >= 1)) throw new Misuse("limit must be at least 1");
    const arrived = states.pageAsked(name);
    const standing = inbox.standing(name);
    let page;
    try {
      page = await requests.call(HISTORY, [name, after, before, Math.min(limit, limits.pageItems)]);
      states.takePage(name, page);
    } catch (error) {
      if (error instanceof Refused && error.code === RefusalCode.NOT_FOUND) fallen.notFound(name, standing);
      throw error;
    } finally {
      arrived();
    }
    arrivals.paged(name, page);
    if (!store.isDurable) await store.durable(); // what vouches for the page is stored before the application has it
    const modseq = page.modseq ?? 0;
    const items = page.items.map((item) => states.shownAs(shownItem(name, item), modseq));
    return { items, first: page.first, last: page.last, head: page.head, modseq };
  }

  /**
   * @param {string | null} before
   * @param {number} limit
   * @returns {Promise<import("../values.js").ConversationPage>}
   */
  async conversations(before, limit) {
    const { requests, arrivals, store } = this._core;
    const { rows, next } = await requests.call(CONVERSATIONS, [before, limit]);
    arrivals.listed(rows);
    if (!store.isDurable) await store.durable(); // as with a page
    const conversations = rows.map((row) => ({
      conversationId: row.conversationId,
      kind: row.kind,
      title: row.title,
      head: row.head,
      unread: row.unread,
      last: row.lastItem === null ? null : shownItem(row.conversationId, row.lastItem),
      role: row.role,
      settings: plainMap(row.settings ?? new Map()),
      about: plainMap(row.about ?? new Map()),
      modseq: row.modseq ?? 0,
      team: row.team,
    }));
    return { conversations, next };
  }

  /**
   * @param {string} name
   * @returns {Promise<import("../values.js").Member[]>}
   */
  async members(name) {
    /** @type {import("../values.js").Member[]} */
    let found = [];
    for (;;) {
      const after = found.at(-1)?.userId ?? null;
      const page = await this._core.requests.call(MEMBERS, [name, after, MAX_MEMBERS_PAGE]);
      const ids = [...(after === null ? [] : [after]), ...page.map((row) => row.userId)];
      const inOrder = ids.every((id, at) => at === 0 || compareByBytes(ids[at - 1], id) < 0);
      if (!inOrder || found.length + page.length > this._core.limits.maxMembers) {
        this._core.violated(inOrder ? "members: too many" : "members: not in order");
        found = [];
        continue;
      }
      found.push(...page);
      if (page.length < MAX_MEMBERS_PAGE) return found;
    }
  }

  /**
   * @param {readonly string[]} userIds
   * @returns {Promise<import("../values.js").User[]>}
   */
  async users(userIds) {
    const rows = await this._core.requests.call(USERS, [userIds]);
    return rows.map((row) => ({ ...row, isBot: row.kind === "bot" }));
  }

  // -- writing --------------------------------------------------------------------------------------------------------------

  /**
   * @param {string} name
   * @param {number | null} delivered
   * @param {number | null} read
   * @returns {Promise<import("../values.js").Cursor>}
   */
  async cursor(name, delivered, read) {
    const cursor = await this._core.requests.call(CURSOR, [name, delivered, read]);
    this._core.arrivals.moved(name);
    this._core.cursors.moved(name, this._core.userId, cursor);
    return cursor;
  }

  /**
   * @param {string} kind
   * @param {string} title
   * @param {readonly string[]} members
   * @param {string | null} team
   * @param {Uint8Array | undefined} key
   */
  async create(kind, title, members, team, key) {
    const params = [this._core.keyOr(key), oneOf(KINDS, kind), title, members, team];
    const { conversationId, position } = await this._core.requests.call(CREATE, params);
    // The server does not push a message to the session that caused it: it is read, like any missing position.
    this._core.arrivals.noteHead(conversationId, position);
    return conversationId;
  }

  /**
   * @param {string} name
   * @param {string} userId
   * @param {string} role
   * @param {Uint8Array | undefined} key
   */
  add(name, userId, role, key) {
    return this._membership(ADD, [name, this._core.keyOr(key), userId, oneOf(ROLES, role)]);
  }

  /**
   * @param {string} name
   * @param {string} userId
   * @param {Uint8Array | undefined} key
   */
  remove(name, userId, key) {
    return this._membership(REMOVE, [name, this._core.keyOr(key), userId]);
  }

  /**
   * @param {string} name
   * @param {Uint8Array | undefined} key
   */
  leave(name, key) {
    return this._membership(LEAVE, [name, this._core.keyOr(key)]);
  }

  /**
   * @param {typeof ADD} method
   * @param {[string, ...unknown[]]} params
   */
  async _membership(method, params) {
    const { position } = await this._core.requests.call(method, params);
    this._core.arrivals.noteHead(params[0], position);
    return position;
  }

  /** @param {string} token */
  async renew(token) {
    const { expiresAt } = await this._core.requests.call(RENEW, [token]);
    this._core.tokens.renewed(token);
    return expiresAt;
  }
}

/**
 * @param {readonly string[]} words
 * @param {string} said
 */
function oneOf(words, said) {
  if (!words.includes(said)) throw new Misuse(`'${said}' is none of ${words.join(", ")}`);
  return said;
}
