/**
 * How many messages of others this account has not read, by conversation: the client's counts at the beginning, and what comes
 * since then. Read on one device is read on all: the cursor says so.
 */

/** @import { Line } from "../line/line.js" */
/** @import { LineClient } from "../line/opened.js" */

/** Rows that are asked for at the beginning: who has more unread conversations than that sees the newest ones' counts. */
const ROWS = 100;
/** The server counts no further. */
const MOST = 100;

export class Unread {
  /** @type {Map<string, number>} */
  #counts = new Map();
  /** Positions up to which they are counted. @type {Map<string, number>} */
  #heads = new Map();
  /** @type {LineClient | null} */
  #client = null;
  #changed;

  /** @param {Line} line @param {(counts: Record<string, number>) => void} changed */
  constructor(line, changed) {
    this.#changed = changed;
    line.heard(({ conversationId, position, own, content }) => {
      if (own || content?.type === "system" || position <= (this.#heads.get(conversationId) ?? 0)) return;
      this.#heads.set(conversationId, position);
      this.#put(conversationId, Math.min(MOST, (this.#counts.get(conversationId) ?? 0) + 1));
    });
    line.told((event) => {
      if (event.type === "cursorMoved" && event.userId === line.session?.userId) this.read(event.conversationId, event.cursor.read);
    });
  }

  /** Count anew for this client. @param {LineClient | null} client */
  async begin(client) {
    if (client === this.#client) return;
    this.#client = client;
    if (client === null) return;
    try {
      const { conversations } = await client.call.conversations({ limit: ROWS });
      if (client !== this.#client) return;
      this.#counts.clear();
      for (const { conversationId, unread, head } of conversations) {
        this.#heads.set(conversationId, head);
        if (unread > 0) this.#counts.set(conversationId, unread);
      }
      this.#tell();
    } catch {
      // A help and no more: the next client counts again.
    }
  }

  /** @param {string} conversationId @param {number} position  All up to it is read. */
  read(conversationId, position) {
    if (position >= (this.#heads.get(conversationId) ?? 0)) this.#put(conversationId, 0);
  }

  /** @param {string} conversationId @param {number} count */
  #put(conversationId, count) {
    if ((this.#counts.get(conversationId) ?? 0) === count) return;
    if (count === 0) this.#counts.delete(conversationId);
    else this.#counts.set(conversationId, count);
    this.#tell();
  }

  #tell() {
    this.#changed(Object.fromEntries(this.#counts));
  }
}
