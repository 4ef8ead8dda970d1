/**
 * One tab's stream of messages: each exactly once in this tab, whichever tab leads, and however slowly the application reads.
 *
 * The leader tells every message to all tabs. What one tab is the first to finish is done for the device, so a slow tab holds
 * up no other one. A tab that is more than `MAX_QUEUED` behind notes a gap instead, and reads it from the history later; so it
 * does with what it missed while the lead changed hands.
 */

import { Message } from "../values.js";

/** Messages that wait in a tab; more become gaps: two numbers for each conversation. */
const MAX_QUEUED = 500;
/** Messages of a page of a gap. */
const PAGE = 100;

/**
 * @typedef {ConstructorParameters<typeof Message>[0]} Fields
 * @typedef {{conversationId: string, after: number, upTo: number}} Gap
 * @typedef {import("../values.js").Page} Page
 */

export class Inbox {
  #owner;
  /** @type {(Fields | Gap)[]} */
  #queue = [];
  /** Position up to which this tab has queued or handed over each conversation. @type {Map<string, number>} */
  #seen = new Map();
  /** Position of the last one of each that the application has finished. @type {Map<string, number>} */
  #finished = new Map();
  /** @type {(() => void) | null} */
  #wake = null;
  /** @type {{error: Error | null} | null} */
  #end = null;

  /**
   * @param {object} owner
   * @param {(conversationId: string, options: {after: number, limit: number}) => Promise<Page>} owner.history
   * @param {() => string} owner.userId
   * @param {(conversationId: string, position: number) => void} owner.done  The application has finished a message.
   */
  constructor(owner) {
    this.#owner = owner;
  }

  /** The leader told a message. @param {Fields} fields */
  put(fields) {
    const { conversationId, position } = fields;
    const seen = this.#seen.get(conversationId);
    // A new leader begins with what no tab had finished; this one may have it. Else positions fall only with the history.
    if (fields.redelivered && seen !== undefined && position <= seen) {
      if (position <= (this.#finished.get(conversationId) ?? 0)) this.#owner.done(conversationId, position);
      return;
    }
    this.#seen.set(conversationId, position);
    if (seen !== undefined && position > seen + 1) this.#gap(conversationId, seen, position - 1);
    if (this.#queue.length < MAX_QUEUED) this.#queue.push(fields);
    else this.#gap(conversationId, position - 1, position);
    this.#wake?.();
  }

  /** No more comes. @param {Error | null} error  Null: the application closed the client. */
  end(error) {
    this.#end ??= { error };
    this.#wake?.();
  }

  /** @returns {AsyncGenerator<Message, void, void>} */
  async *read() {
    for (;;) {
      const first = this.#queue.shift();
      if (first === undefined) {
        if (this.#end?.error) throw this.#end.error;
        if (this.#end !== null) return;
        await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
      } else if ("after" in first) {
        yield* this.#fill(first);
      } else {
        yield* this.#hand(first);
      }
    }
  }

  /** @param {Fields} fields */
  *#hand(fields) {
    const { conversationId, position } = fields;
    const finish = () => {
      this.#finished.set(conversationId, position);
      this.#owner.done(conversationId, position);
    };
    yield new Message(fields, finish);
    finish();
  }

  /** @param {Gap} gap */
  async *#fill({ conversationId, after, upTo }) {
    while (after < upTo) {
      const page = await this.#owner.history(conversationId, { after, limit: PAGE });
      if (page.first > page.last) return; // nothing of it can be read any more
      for (const { extra: _, mine: __, ...item } of page.items) {
        if (item.position > upTo) return;
        const own = item.senderId === this.#owner.userId();
        yield* this.#hand({ ...item, own, redelivered: false });
      }
      after = page.last;
    }
  }

  /**
   * @param {string} conversationId
   * @param {number} after
   * @param {number} upTo
   */
  #gap(conversationId, after, upTo) {
    const [same] = this.#queue.filter((one) => one.conversationId === conversationId).slice(-1);
    if (same !== undefined && "after" in same && same.upTo === after) same.upTo = upTo;
    else this.#queue.push({ conversationId, after, upTo });
  }
}
