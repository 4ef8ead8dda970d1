/** What the client hands to the application, as types. Times are UTC milliseconds, positions count from 1. */

/**
 * One msgpack map with a `type`. Contents that arrive are objects without a prototype.
 *
 * @typedef {Readonly<Record<string, any>>} Content
 */

/** @typedef {Readonly<Record<string, any>>} StateMap */

/**
 * `waiting`: for the next attempt to connect. `stopped`: it will not come back by itself; see `Stopped`. `closed`: by the
 * application.
 *
 * @typedef {"connecting" | "connected" | "waiting" | "stopped" | "closed"} State
 */

/**
 * A post that is durable on the server.
 *
 * @typedef {{conversationId: string, position: number, sentAt: number, key: Uint8Array}} Posted
 */

/**
 * One message of a page. `content` is null for a tombstone; `revision` counts edits from 1. `extra` is the message's state
 * that everybody sees, by name of what keeps it; `mine` what it keeps for this user alone.
 *
 * @typedef {object} Item
 * @property {string} conversationId
 * @property {number} position
 * @property {string} senderId
 * @property {number} sentAt
 * @property {Uint8Array} key
 * @property {Content | null} content
 * @property {number} revision
 * @property {StateMap} extra
 * @property {StateMap} mine
 */

/** @typedef {{extra: StateMap, mine: StateMap}} ItemState */

/**
 * Items in order of position, and the positions `first..last` that they cover (`first > last` if none). Positions below the
 * first page that can be read were removed by retention. `head` is the newest position. `modseq` counts the conversation's
 * changes of state that this page shows.
 *
 * @typedef {{items: Item[], first: number, last: number, head: number, modseq: number}} Page
 */

/**
 * Positions up to which a member has (`delivered`) and has seen (`read`) a conversation.
 *
 * @typedef {{readonly delivered: number, readonly read: number}} Cursor
 */

/** @type {Cursor} */
export const NO_CURSOR = Object.freeze({ delivered: 0, read: 0 });

/**
 * A row of the list of conversations. `last` is null if it is too long for the list. `unread` counts the messages of others
 * above this user's read cursor; 100 stands for 100 or more. `settings` are this user's own, `about` is everybody's; `modseq`
 * counts changes of state in the conversation; `team` is the group by which this user is a member, if it is one.
 *
 * @typedef {object} Conversation
 * @property {string} conversationId
 * @property {string} kind
 * @property {string} title
 * @property {number} head
 * @property {number} unread
 * @property {Item | null} last
 * @property {string} role
 * @property {StateMap} settings
 * @property {StateMap} about
 * @property {number} modseq
 * @property {string | null} team
 */

/** @typedef {{conversations: Conversation[], next: string | null}} ConversationPage */
/** @typedef {{userId: string, role: string}} Member */

/**
 * An account as others see it. `kind` is `person` or `bot`; of a server that does not say, everybody is a person.
 *
 * @typedef {{userId: string, displayName: string, language: string, kind: string, isBot: boolean}} User
 */

/**
 * A post that has no reply yet.
 *
 * @typedef {{conversationId: string, key: Uint8Array, content: Content}} Queued
 */

/**
 * A committed message, handed over exactly once and in order of position within its conversation.
 *
 * `content` is null for the tombstone of a retracted message (and for bytes that are no valid content). `own`: this user
 * sent it, from any device. `redelivered` marks a message that an earlier process with the same store received but did not
 * finish.
 */
export class Message {
  /**
   * @param {{conversationId: string, position: number, senderId: string, sentAt: number, key: Uint8Array,
   *   content: Content | null, revision: number, own: boolean, redelivered: boolean}} fields
   * @param {(message: Message) => void} finish
   */
  constructor(fields, finish) {
    this.conversationId = fields.conversationId;
    this.position = fields.position;
    this.senderId = fields.senderId;
    this.sentAt = fields.sentAt;
    this.key = fields.key;
    this.content = fields.content;
    this.revision = fields.revision;
    this.own = fields.own;
    this.redelivered = fields.redelivered;
    /** @type {(message: Message) => void} */
    this._finish = finish;
    Object.defineProperty(this, "_finish", { enumerable: false });
    Object.freeze(this);
  }

  /** Mark the message as done: it will not come again after a kill. Asking for the next one does so, too. */
  done() {
    this._finish(this);
  }

  /** The `text` of the content, or "" if it has none. */
  get text() {
    const text = this.content?.text;
    return typeof text === "string" ? text : "";
  }
}
