/**
 * One client's record of all that it received, line by line what `imserver/proof/torture/client_journal.py` writes and reads.
 *
 * Each line is one `write` to a file of its own for each life of the client: once that call has returned, a SIGKILL takes
 * nothing back. Beside it another file says how far each conversation was shown, for this program's own later lives: it follows
 * the line, and a message whose line is there alone is not done yet, and comes again.
 */

import { createHash } from "node:crypto";
import { appendFileSync, closeSync, existsSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import { encodeContent, encodeValue } from "../src/wire/encode.js";
import { DEFAULT_LIMITS } from "../src/wire/limits.js";

/** @typedef {import("../src/values.js").Content} Content */

const DIGEST_BYTES = 16;
const NS_OF_S = 1e9;
/** A line is no frame: one may tell of a thousand messages. */
const LINE_LIMITS = { ...DEFAULT_LIMITS, maxArrayItems: 2 ** 20, maxMapItems: 2 ** 20 };
const NOTHING = new Uint8Array();

/** Seconds of the machine's clock that never goes back, the same in all its processes. */
export const monotonic = () => Number(process.hrtime.bigint()) / NS_OF_S;

/** Of a content; a tombstone has the empty one. @param {Content | null} content */
export function digestOf(content) {
  if (content === null) return NOTHING;
  return new Uint8Array(createHash("sha256").update(encodeContent(content)).digest().subarray(0, DIGEST_BYTES));
}

/**
 * How many lives of a client have begun.
 *
 * @param {string} folder
 * @param {string} name
 */
export function livesOf(folder, name) {
  return readdirSync(folder).filter((file) => file.startsWith(`${name}.`) && file.endsWith(".told")).length;
}

/** Written by one client in one life. */
export class ClientJournal {
  #folder;
  #name;
  #life;
  #file;
  #closed = false;

  /**
   * @param {string} folder
   * @param {string} name
   * @param {number} life
   */
  constructor(folder, name, life) {
    this.#folder = folder;
    this.#name = name;
    this.#life = life;
    this.#file = openSync(join(folder, `${name}.${life}.told`), "ax", 0o600);
  }

  close() {
    this.#closed = true;
    closeSync(this.#file);
  }

  /** A server has let this client in. @param {number} begun  The attempt to connect (UTC ms). */
  entered(begun) {
    this.#write("entered", begun, Date.now());
  }

  /** Before the load begins: once, in the first life. @param {Readonly<Record<string, number>>} heads */
  heads(heads) {
    for (const [conversationId, head] of Object.entries(heads)) this.#reached(conversationId, head);
    this.#write("heads", heads);
  }

  /**
   * A post is about to be made.
   *
   * @param {Uint8Array} key
   * @param {string} conversationId
   * @param {Content} content
   */
  posting(key, conversationId, content) {
    this.#write("posting", key, conversationId, digestOf(content));
  }

  /** The outbox has it, and keeps it through a kill. @param {Uint8Array} key */
  taken(key) {
    this.#write("taken", key);
  }

  /** The server confirmed it as stored. @param {import("../src/values.js").Posted} posted */
  answered({ key, conversationId, position }) {
    this.#write("answered", key, conversationId, position);
  }

  /**
   * @param {Uint8Array} key
   * @param {string} text
   */
  refused(key, text) {
    this.#write("refused", key, text);
  }

  /** It is about to be abandoned: until that is answered, it may be stored or not. @param {Uint8Array} key */
  givingUp(key) {
    this.#write("giving_up", key);
  }

  /** It is not stored and never will be. @param {Uint8Array} key */
  givenUp(key) {
    this.#write("given_up", key);
  }

  /** A message was handed over. No talker is told of appointments. @param {import("../src/values.js").Message} message */
  shown({ conversationId, position, key, senderId, sentAt, revision, content, redelivered }) {
    const digest = digestOf(content);
    this.#write("shown", conversationId, position, key, senderId, sentAt, revision, digest, redelivered, Date.now(), null);
    this.#reached(conversationId, position);
  }

  /**
   * A message has this content now.
   *
   * @param {string} conversationId
   * @param {number} position
   * @param {number} revision
   * @param {Content | null} content
   */
  replaced(conversationId, position, revision, content) {
    this.#write("replaced", conversationId, position, revision, digestOf(content), null);
  }

  /**
   * Above `keep` a conversation is another one. `since`: when the connection that told it began (monotonic).
   *
   * @param {string} conversationId
   * @param {number} keep
   * @param {number} since
   */
  fell(conversationId, keep, since) {
    this.#write("fell", conversationId, keep, since, monotonic());
    this.#reached(conversationId, keep, true);
  }

  /**
   * @param {string} text
   * @param {number} since
   */
  cursorsFell(text, since) {
    this.#write("cursors_fell", text, since, monotonic());
  }

  /**
   * An own post is told to be gone, with its content if the client still has that.
   *
   * @param {Uint8Array} key
   * @param {Content | null} content
   */
  gone(key, content) {
    this.#write("gone", key, content === null ? null : digestOf(content));
  }

  /** A post is about to be made once more. @param {Uint8Array} key */
  again(key) {
    this.#write("again", key);
  }

  /**
   * What an act of a feature wrote down.
   *
   * @param {string} feature
   * @param {readonly unknown[]} facts
   */
  noted(feature, facts) {
    this.#write("noted", feature, facts);
  }

  /**
   * What the acts of a feature found at the end. Of several the last one counts.
   *
   * @param {string} feature
   * @param {readonly unknown[]} facts
   */
  rested(feature, facts) {
    this.#write("rested", feature, facts);
  }

  /** Everything up to these positions was handed over. @param {Readonly<Record<string, number>>} heads */
  caughtUp(heads) {
    this.#write("caught_up", heads);
  }

  /** What must not happen to a client. @param {string} text */
  trouble(text) {
    this.#write("trouble", text);
  }

  /** The last position of each conversation that was shown in any life, or need not be. @returns {Map<string, number>} */
  lastShown() {
    const last = new Map();
    for (let life = 0; life <= this.#life; life += 1) {
      const file = this.#shownFile(life);
      const text = existsSync(file) ? readFileSync(file, "utf8") : "";
      for (const line of text.split("\n").slice(0, -1)) {
        const { conversationId, position, fell } = JSON.parse(line);
        last.set(conversationId, fell ? Math.min(position, last.get(conversationId) ?? 0) : position);
      }
    }
    return last;
  }

  /** @param {number} life */
  #shownFile(life) {
    return join(this.#folder, `${this.#name}.${life}.shown`);
  }

  /**
   * @param {string} conversationId
   * @param {number} position
   * @param {boolean} [fell]
   */
  #reached(conversationId, position, fell = false) {
    if (this.#closed) return;
    appendFileSync(this.#shownFile(this.#life), `${JSON.stringify({ conversationId, position, fell })}\n`, { mode: 0o600 });
  }

  /** @param {unknown[]} fields */
  #write(...fields) {
    if (this.#closed) return; // what is heard behind the end of this life comes again in the next
    const line = encodeValue(fields, LINE_LIMITS);
    if (writeSync(this.#file, line) !== line.length) {
      throw new Error("the disk is full: what clients are told cannot be written down");
    }
  }
}
