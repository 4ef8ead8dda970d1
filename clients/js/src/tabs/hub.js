/** The leading tab's side: it owns the client, and does for all tabs, its own included, what they ask. */

import { hex } from "../wire/values.js";
import { Watches } from "./watched.js";

/** @import { Client } from "../client.js" */
/** @import { HandedIn } from "./handed_in.js" */
/** @import { Said } from "./channel.js" */

/** Errors of a post that say nothing of its fate: it stays handed in. */
const NO_ANSWER = new Set(["Disconnected", "Stopped", "StoreError"]);

export class Hub {
  #client;
  #handedIn;
  #tell;
  #watches;
  /** Which tabs read each stream. @type {Record<string, Set<string>>} */
  #readers = { messages: new Set(), events: new Set() };
  /** The message that no tab has finished, and what to do when one has. @type {{message: any, finish: () => void} | null} */
  #current = null;
  /** Streams that are being read. @type {Set<string>} */
  #running = new Set();
  /** Posts under way, by key; `asked`: a tab waits for the outcome. @type {Map<string, {outcome: Promise<any>, asked: boolean}>} */
  #posts = new Map();

  /**
   * @param {Client} client
   * @param {HandedIn | null} handedIn  Null: tabs cannot share here, and this one is alone.
   * @param {(to: string | null, said: Said) => void} tell  To one tab, or to all, this one included.
   */
  constructor(client, handedIn, tell) {
    this.#client = client;
    this.#handedIn = handedIn;
    this.#tell = tell;
    this.#watches = new Watches(client, tell);
  }

  /** Take over what tabs had handed in, in their order. Before that a newer post must not be asked for: it would overtake them. */
  async takeOver() {
    for (const { number, conversationId, content, key } of (await this.#handedIn?.all()) ?? []) {
      const post = this.#post(conversationId, content, { key, number, now: false });
      post.outcome.then(
        (posted) => this.#settled(post, { conversationId, key, posted, error: null }),
        (error) => this.#settled(post, { conversationId, key, posted: null, error }),
      );
    }
  }

  /** From now on tabs may ask. */
  begin() {
    this.#tell(null, this.#leading());
  }

  /**
   * A tab said something.
   *
   * @param {string} from
   * @param {Said} said
   */
  heard(from, said) {
    const handler = this.#heard[said.type];
    if (handler !== undefined) handler(from, said);
  }

  /** A tab has ended. @param {string} tabId */
  gone(tabId) {
    for (const readers of Object.values(this.#readers)) readers.delete(tabId);
    this.#watches.gone(tabId);
  }

  /** @type {Record<string, (from: string, said: Said) => void>} */
  #heard = {
    hello: (from) => this.#tell(from, this.#leading()),
    call: (from, { id, path, given }) => {
      this.#call(path, given).then(
        (value) => this.#tell(from, { type: "answer", id, value }),
        (error) => this.#tell(from, { type: "answer", id, error }),
      );
    },
    reading: (from, { streams }) => {
      for (const [name, readers] of Object.entries(this.#readers)) {
        if (streams.includes(name)) readers.add(from);
        else readers.delete(from);
      }
      // The tab that has had the last message, and not finished it, may be gone.
      if (streams.includes("messages") && this.#current !== null) this.#tell(from, this.#current.message);
      for (const stream of streams) this.#run(stream);
    },
    watch: (from, { id, method, params }) => this.#watches.begin(from, { id, method, params }),
    unwatch: (from, { id }) => this.#watches.end(from, id),
    done: (_, { conversationId, position }) => {
      const message = this.#current?.message.fields;
      if (message?.conversationId === conversationId && message.position === position) this.#current?.finish();
    },
  };

  #leading() {
    const { userId, deviceId } = this.#client;
    return { type: "leading", me: { userId, deviceId } };
  }

  /**
   * @param {string} path  `history`, `edits.edit` …
   * @param {any[]} given
   * @returns {Promise<any>}
   */
  async #call(path, given) {
    if (path === "post") {
      const [conversationId, content, options] = given;
      const post = this.#post(conversationId, content, options);
      post.asked = true;
      return post.outcome;
    }
    const [method, ...owners] = path.split(".").reverse();
    const owner = owners.reduceRight((one, name) => one[name], /** @type {any} */ (this.#client));
    const found = owner[method];
    return typeof found === "function" ? found.apply(owner, given) : found;
  }

  /**
   * @param {string} conversationId
   * @param {any} content
   * @param {{key: Uint8Array, number: IDBValidKey | null, now?: boolean}} options  Where it was handed in, if it was.
   */
  #post(conversationId, content, { key, number, now = false }) {
    const name = hex(key);
    const under = this.#posts.get(name);
    if (under !== undefined) return under;
    const post = { outcome: this.#client.post(conversationId, content, { key, now }), asked: false };
    this.#posts.set(name, post);
    const answered = async () => {
      this.#posts.delete(name);
      // If this page is killed before the removal, the next leader offers it once more: the same key is the same message.
      if (number !== null) await this.#handedIn?.remove(number).catch(() => {});
    };
    post.outcome.then(answered, (error) => (NO_ANSWER.has(error.name) ? undefined : answered()));
    return post;
  }

  /**
   * What a tab that is gone had handed in has its answer.
   *
   * @param {{asked: boolean}} post
   * @param {Omit<import("../events.js").PostSettled, "type">} settled
   */
  #settled({ asked }, settled) {
    if (!asked) this.#tell(null, { type: "event", event: { type: "postSettled", ...settled } });
  }

  /** Read a stream of the client for all tabs, for as long as one of them does. @param {string} stream */
  async #run(stream) {
    if (this.#running.has(stream)) return;
    this.#running.add(stream);
    try {
      await (stream === "messages" ? this.#messages() : this.#events());
    } catch (error) {
      this.#tell(null, { type: "stopped", error });
    }
    // It ended with the client, and does not run a second time.
  }

  async #messages() {
    for await (const message of this.#client.messages()) {
      const { conversationId, position, senderId, sentAt, key, content, revision, own, redelivered } = message;
      const fields = { conversationId, position, senderId, sentAt, key, content, revision, own, redelivered };
      const said = { type: "message", fields };
      await new Promise((resolve) => {
        this.#current = { message: said, finish: () => resolve(undefined) };
        this.#tell(null, said);
      });
      this.#current = null;
    }
  }

  async #events() {
    for await (const event of this.#client.events()) this.#tell(null, { type: "event", event });
  }
}
