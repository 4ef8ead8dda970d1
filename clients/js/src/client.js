/** The client's public API: `connect()` and `Client`. `core` composes the implementation. */

import { Core } from "./core/core.js";
import { MACHINE } from "./environment.js";
import { Misuse } from "./errors.js";
import { clientLimits } from "./limits.js";
import { MemoryStorage } from "./storage/memory.js";
import { openWebSocket } from "./transports/websocket.js";
import { directConversationId } from "./wire/ids.js";
import { PAGE_ITEMS } from "./wire/limits.js";

/** @typedef {import("./values.js").Content} Content */
/** @typedef {import("./values.js").Posted} Posted */

const TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 5000;

/**
 * Connect, stay connected, and sync. Resolves when the first sync is finished: every message committed from then on is delivered.
 *
 * - `address`: `wss://host/socket`; another scheme with its own `transport`.
 * - `token`: a string, or a function (plain or async) that the client calls at the start and again whenever the server rejects the
 *   last token. If it fails because a network is away the client calls it again later; any other error stops it.
 * - `deviceId` names this installation. By default it is the store's, or follows from the token (servers bind a token to the
 *   device that used it first). Two programs that run at the same time must not share one.
 * - `storage` keeps the outbox and received positions across restarts; by default all is in memory.
 * - `early`: resolve with the session, and not with the end of the first sync: for who asks before everything is there. With ten
 *   thousand conversations that is seconds sooner. Posts wait for the first sync all the same, and messages begin where it says.
 * - `timeoutMs` until CannotConnect is thrown; null waits for ever. `closeTimeoutMs`: for an orderly close.
 * - `have`: the application's own positions, if it commits them together with its effects in its own transaction (exactly once
 *   across kills, too). They overrule the store's.
 *
 * Rejects with Misuse, StoreError, CannotConnect, or Stopped (bad token, …).
 *
 * @param {object} options
 * @param {string} options.address
 * @param {import("./core/tokens.js").TokenSource} options.token
 * @param {string | null} [options.deviceId]
 * @param {import("./ports.js").Storage} [options.storage]
 * @param {import("./ports.js").OpenTransport} [options.transport]
 * @param {boolean} [options.early]
 * @param {number | null} [options.timeoutMs]
 * @param {number} [options.closeTimeoutMs]
 * @param {Readonly<Record<string, number>>} [options.have]
 * @param {Readonly<Record<string, unknown>>} [options.clientInfo]  For the operator's eyes only.
 * @param {Partial<import("./limits.js").ClientLimits>} [options.limits]
 * @param {import("./ports.js").Environment} [options.environment]
 * @returns {Promise<Client>}
 */
export async function connect(options) {
  const core = makeCore(options);
  await core.open();
  return new Client(core);
}

/** The core of a client that is not open yet, for tests that look into it. @param {Parameters<typeof connect>[0]} options */
export function makeCore({
  address, token, deviceId = null, storage = new MemoryStorage(), transport = openWebSocket, early = false, timeoutMs = TIMEOUT_MS,
  closeTimeoutMs = CLOSE_TIMEOUT_MS, have = {}, clientInfo = {}, limits, environment = MACHINE,
}) {
  if (typeof address !== "string") throw new Misuse("an address is a string");
  if (typeof token !== "string" && typeof token !== "function") throw new Misuse("a token is a string, or a function");
  const options = { address, open: transport, token, deviceId, early, timeoutMs, closeTimeoutMs, have, clientInfo };
  return new Core(options, storage, clientLimits(limits), environment);
}

/**
 * One device of one user. Made by `connect()`.
 *
 * What stands under a feature's name (`client.edits`) belongs to a feature that a server may not have: `NotOffered` then. Every
 * call waits while the connection is down and goes on when it is back. Every call may throw Refused, Stopped, Disconnected, or
 * StoreError if the store fails.
 */
export class Client {
  /** @type {Core} */
  #core;

  /** @param {Core} core */
  constructor(core) {
    this.#core = core;
    const { blocks, edits, reactions, typing } = core.features;
    this.blocks = blocks;
    this.edits = edits;
    this.reactions = reactions;
    this.typing = typing;
  }

  /** The user, as the server read it from the token. */
  get userId() {
    return this.#core.userId;
  }

  /** This installation. */
  get deviceId() {
    return this.#core.deviceId;
  }

  /** The state of the client's connection. */
  get state() {
    return this.#core.state;
  }

  /** The mark of the server's database. */
  get storeEpoch() {
    return this.#core.storeEpoch;
  }

  /** The features that the server has, by name; empty if it does not say. */
  get serverFeatures() {
    return new Set(this.#core.serverFeatures);
  }

  // -- posting --------------------------------------------------------------------------------------------------------------

  /**
   * Post a message; resolves when it is durable on the server. A string is `{type: "text", text: …}`.
   *
   * The post is in the outbox when this returns and stays there until the server has answered: through lost connections, and with
   * a store on disk through a kill of this page or process. Posts to one conversation keep their order. `key`: 16 bytes that name
   * this attempt. Offering the same key again is the same message, however often.
   *
   * `now`: for what is only worth saying now. It is offered while the store writes it down, and not after that: a kill in this
   * moment may lose that it was said.
   *
   * `signal` ends the waiting, not the sending; `abandon` gives the post up. Rejects with Misuse, OutboxFull, Refused,
   * Undeliverable, Abandoned, Stopped or Disconnected.
   *
   * @param {string} conversationId
   * @param {Content | string} content
   * @param {{key?: Uint8Array, signal?: AbortSignal, now?: boolean}} [options]
   * @returns {Promise<Posted>}
   */
  post(conversationId, content, options = {}) {
    return this.#core.posting.post(conversationId, content, options);
  }

  /**
   * Give a post up. Null: it is not and will not be stored. Otherwise it had been committed already.
   *
   * A pending `post` rejects with Abandoned, or resolves with its Posted. Later posts to the conversation wait for the outcome.
   *
   * @param {string} conversationId
   * @param {Uint8Array} key
   * @returns {Promise<Posted | null>}
   */
  abandon(conversationId, key) {
    return this.#core.posting.abandon(conversationId, key);
  }

  /** Posts without an answer, oldest first; also those that an earlier process left. */
  outbox() {
    return this.#core.posting.queued();
  }

  // -- receiving ------------------------------------------------------------------------------------------------------------

  /**
   * Every message of every conversation, own ones included: `for await (const message of client.messages())`.
   *
   * Each comes exactly once, in order within its conversation, from the first use of the store (or of this client, without one)
   * on. Asking for the next message marks the last one as done; a message handed over but not done comes again after a restart
   * with the same store, marked `redelivered`. Leaving the loop leaves the last message unfinished. One reader at a time. Ends
   * when the client is closed; throws Stopped if it stopped by itself.
   *
   * @returns {AsyncIterableIterator<import("./values.js").Message>}
   */
  messages() {
    const { delivery } = this.#core;
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      async next() {
        const message = await delivery.take();
        return message === null ? { done: true, value: undefined } : { done: false, value: message };
      },
    };
  }

  /**
   * Changes of the connection, cursors, state, typing, edits …: `for await (const event of client.events())`.
   *
   * Each reader gets the events after this call; the first one also gets earlier `postSettled` events (of posts that an earlier
   * process left in the store), and `historyReplaced` and `postsGone` are kept until one has heard them. See `events.js` for the
   * types.
   */
  events() {
    return this.#core.subscribe();
  }

  // -- reading --------------------------------------------------------------------------------------------------------------

  /**
   * A page of a conversation: the last `limit` messages, those before a position, or those after one.
   *
   * The server may give fewer: at most 200, and not more bytes than half a frame. `first..last` of the page is the covered range.
   * Items have the newest state that is known, maybe newer than the page.
   *
   * @param {string} conversationId
   * @param {{before?: number | null, after?: number | null, limit?: number}} [page]
   */
  history(conversationId, { before = null, after = null, limit = PAGE_ITEMS } = {}) {
    return this.#core.calls.history(conversationId, after, before, limit);
  }

  /**
   * The user's conversations, newest first. `before`: the `next` of the page before.
   *
   * @param {{before?: string | null, limit?: number}} [page]
   */
  conversations({ before = null, limit = PAGE_ITEMS } = {}) {
    return this.#core.calls.conversations(before, limit);
  }

  /** @param {string} conversationId  The members of a conversation. */
  members(conversationId) {
    return this.#core.calls.members(conversationId);
  }

  /** @param {Iterable<string>} userIds  Names and languages of users. Unknown ones are left out. */
  users(userIds) {
    return this.#core.calls.users([...userIds]);
  }

  // -- state that is no message ---------------------------------------------------------------------------------------------

  /**
   * A screen shows the conversation: from now on what is known of its messages' state is kept whole.
   *
   * What was missed (while off-line, or in a conversation so large that the server tells only that something changed) is read as
   * long as the conversation is shown, and told by `itemChanged`.
   *
   * @param {string} conversationId
   */
  show(conversationId) {
    this.#core.states.reader.show(conversationId);
  }

  /** @param {string} conversationId  No screen shows it any more: what is missed waits for the next `show`. */
  hide(conversationId) {
    this.#core.states.reader.hide(conversationId);
  }

  /** @param {string} conversationId @param {number} position  Its state; null if the message is not held: read `history`. */
  item(conversationId, position) {
    return this.#core.states.item(conversationId, position);
  }

  /** @param {string} conversationId  What the conversation keeps for all its members, by name of what keeps it. */
  about(conversationId) {
    return this.#core.states.about(conversationId);
  }

  /** @param {string} conversationId  What the conversation keeps for this user alone. */
  settings(conversationId) {
    return this.#core.states.settings(conversationId);
  }

  /** What the user's account keeps. */
  account() {
    return this.#core.states.account();
  }

  // -- plugins of the server ------------------------------------------------------------------------------------------------

  /**
   * Ask a method of a plugin that reads: `client.ask("x-shop.day", ["2026-03-02"])`. The answer is what the plugin says: check it.
   * Rejects with NotOffered if the server does not have the plugin.
   *
   * @param {string} method
   * @param {readonly unknown[]} [params]
   * @returns {Promise<any>}
   */
  ask(method, params = []) {
    return this.#core.questions.ask(method, params);
  }

  /**
   * The answer to `ask`, and each later one: `for await (const day of client.watch("x-shop.day", ["2026-03-02"]))`.
   *
   * For methods of which their plugin says that the answer has changed; at most once a second, and again after lost connections.
   * At most 16 are watched at once. Ends when the client is closed, or the loop is left.
   *
   * @param {string} method
   * @param {readonly unknown[]} [params]
   */
  watch(method, params = []) {
    return this.#core.questions.watch(method, params);
  }

  /**
   * Have a method of a plugin do something. A method with a `key` does it once; `key()` makes one.
   *
   * The same request is offered until there is an answer, through lost connections, behind earlier ones to this plugin in the
   * conversation that `aim` names; `aim.position` is that of a message it is about. Nothing of it survives the process.
   *
   * @param {string} method
   * @param {readonly unknown[]} [params]
   * @param {import("./core/writes.js").Aim} [aim]
   * @returns {Promise<any>}
   */
  write(method, params = [], aim = {}) {
    return this.#core.questions.write(method, params, aim);
  }

  /** A new idempotency key. */
  key() {
    return this.#core.keyOr(undefined);
  }

  // -- cursors --------------------------------------------------------------------------------------------------------------

  /**
   * Advance the user's own cursors (they never go back) and return them; without positions just return them.
   *
   * @param {string} conversationId
   * @param {{delivered?: number | null, read?: number | null}} [upto]
   */
  cursor(conversationId, { delivered = null, read = null } = {}) {
    return this.#core.calls.cursor(conversationId, delivered, read);
  }

  /** @param {string} conversationId @param {number} position  All up to it is read. *Delivered* is told when it is done. */
  markRead(conversationId, position) {
    this.#core.receipts.read(conversationId, position);
  }

  /** @param {string} conversationId  The members' known cursors, by user. Empty for channels and large groups. */
  cursors(conversationId) {
    return this.#core.cursors.of(conversationId);
  }

  // -- conversations and members --------------------------------------------------------------------------------------------

  /** @param {string} userId  The id of the direct conversation with a user; the first post makes it. */
  direct(userId) {
    return directConversationId(this.userId, userId);
  }

  /**
   * Make a group (or `kind: "channel"`) owned by this user; resolves with its id. The same key makes no second one. `team`: a
   * group that this user runs; whoever is in it is a member of the new one, too, for as long.
   *
   * @param {string} title
   * @param {Iterable<string>} [members]
   * @param {{kind?: string, team?: string | null, key?: Uint8Array}} [options]
   */
  createGroup(title, members = [], { kind = "group", team = null, key } = {}) {
    return this.#core.calls.create(kind, title, [...members], team, key);
  }

  /**
   * Add a member, or change a member's role. Resolves with the position of the system message, as the next two do.
   *
   * @param {string} conversationId
   * @param {string} userId
   * @param {{role?: string, key?: Uint8Array}} [options]
   */
  async addMember(conversationId, userId, { role = "member", key } = {}) {
    return this.#core.calls.add(conversationId, userId, role, key);
  }

  /**
   * @param {string} conversationId
   * @param {string} userId
   * @param {{key?: Uint8Array}} [options]
   */
  async removeMember(conversationId, userId, { key } = {}) {
    return this.#core.calls.remove(conversationId, userId, key);
  }

  /** @param {string} conversationId @param {{key?: Uint8Array}} [options] */
  async leave(conversationId, { key } = {}) {
    return this.#core.calls.leave(conversationId, key);
  }

  // -- the session ----------------------------------------------------------------------------------------------------------

  /**
   * The network may be another one now, or the machine has slept: try at once instead of waiting for the next attempt, and have
   * a connection that looks open prove it within 5 s.
   */
  hurry() {
    this.#core.link.hurry();
  }

  /**
   * Extend the session, and the next ones, with a newer token of the same user and device. Resolves with its expiry (UTC ms).
   *
   * @param {string} token
   */
  renew(token) {
    return this.#core.calls.renew(token);
  }

  /**
   * Leave: wait up to `closeTimeoutMs` for the outbox to empty (`flush`), say GOODBYE, end all work. Idempotent. Posts still in the
   * outbox stay in a store on disk, and are lost with one in memory.
   *
   * @param {{flush?: boolean}} [options]
   */
  close({ flush = true } = {}) {
    return this.#core.close(flush);
  }

  /** End at once as a kill of the process would: nothing is flushed or sent. For tests. */
  abort() {
    return this.#core.abort();
  }
}
