/**
 * One client of the torture run: the real library with its store on disk, and a journal of all that it receives. It does what
 * talkers do in `imserver/proof/torture/actor.py`; people who come and go, and those with appointments, are Python's alone.
 */

import { join } from "node:path";

import { MACHINE } from "../src/environment.js";
import { connect, Disconnected, OutboxFull, Refused } from "../src/index.js";
import { openNodeTcp } from "../src/transports/node-tcp.js";
import { openWebSocket } from "../src/transports/websocket.js";
import { rest } from "./acts.js";
import { ClientJournal, monotonic } from "./client_journal.js";
import { NotingDisk } from "./noting_disk.js";
import { Posts } from "./posts.js";
import { Random } from "./random.js";
import { remember } from "./remember.js";

/** @typedef {import("../src/values.js").Message} Message */
/** @typedef {{conversationId: string, position: number}} Place */
/** @typedef {{user_id: string, device_id: string, groups: number[], partners: string[]}} Part */

/** A short back-off: the kills are under test, not the clients' patience. @type {import("../src/ports.js").Environment} */
const IMPATIENT = { ...MACHINE, uniform: (least, most) => Math.min(most, MACHINE.uniform(100, 400)) };
/** Messages shown last that are remembered to be acted upon; changes of the connection. */
const MAX_SEEN = 50;
const MAX_CHANGES = 64;
/** Share of slow clients; the share of messages that each delays, and by how much at most. */
const SLOW_SHARE = 0.3;
const DAWDLE_SHARE = 0.2;
const DAWDLE_MS = 40;
const CLOSE_MS = 10_000;
const PAGE = 100;

/** Figures of one process in one life, by the names that its director knows. */
export const newCounts = () => ({
  posted: 0, answered: 0, held_back: 0, shown: 0, marked: 0, acts: 0, given_up: 0, sent_again: 0, connections: 0, resumed: 0,
  connected: 0,
});

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A client from its connection until it leaves. */
export class Actor {
  /** Gets every message after the journal has it. @type {(message: Message) => void} */
  hear = () => {};
  /** Hears of each conversation that is another one now. @type {(conversationId: string) => void} */
  fell = () => {};
  ready = false;
  left = false;
  broken = "";
  /** Conversations of which an older copy came back. @type {Set<string>} */
  replaced = new Set();
  /** Messages that acts may be about: own ones that are stored, and those that were shown lately. @type {Place[]} */
  stored = [];
  /** @type {Place[]} */
  seen = [];
  #life;
  #disk;
  /** @type {import("../src/client.js").Client | null} */
  #client = null;
  /** When the connection came and went (monotonic), the newest last. @type {{at: number, up: boolean}[]} */
  #changes = [];
  /** @type {Map<string, number>} */
  #last = new Map();
  /** @type {(() => void)[]} */
  #waiting = [];
  #random;
  /** Cursors as they were told, with the beginning of the connection that told them. @type {Map<string, any>} */
  #cursors = new Map();
  #upSince = 0;
  #tryingSince = 0;
  /** The message that is being read, until it is void. @type {Message | null} */
  #inHand = null;
  #asking = 0;

  /**
   * @param {Part} part
   * @param {string} folder
   * @param {number} life
   * @param {ReturnType<typeof newCounts>} counts
   */
  constructor(part, folder, life, counts) {
    this.part = part;
    this.name = part.device_id;
    this.counts = counts;
    this.journal = new ClientJournal(folder, this.name, life);
    this.#life = life;
    this.#disk = new NotingDisk(join(folder, `${this.name}.store`), (key) => this.journal.taken(key));
    this.#random = new Random(`${this.name} ${life}`);
    this.posts = new Posts(this, this.#disk, this.#random);
    this.slow = this.#random.number() < SLOW_SHARE;
  }

  get client() {
    if (this.#client === null) throw new Error(`${this.name} is not ready`);
    return this.#client;
  }

  /** Whether a post would go out at once. */
  get connected() {
    return this.#client?.state === "connected";
  }

  /**
   * Connect, and begin to read.
   *
   * @param {string} address
   * @param {string} token
   */
  async begin(address, token) {
    this.#upSince = monotonic();
    this.#tryingSince = Date.now();
    const web = address.startsWith("imserver+ws:");
    const client = (this.#client = await connect({
      address: web ? `${address.replace("imserver+", "")}/socket` : address,
      token,
      deviceId: this.part.device_id,
      storage: this.#disk,
      transport: web ? openWebSocket : openNodeTcp,
      timeoutMs: null,
      closeTimeoutMs: CLOSE_MS,
      environment: IMPATIENT,
    }));
    const events = client.events();
    this.#noteLine(client.state === "connected");
    this.journal.entered(this.#tryingSince);
    this.posts.left(client.outbox());
    if (this.#life === 0) this.journal.heads(await this.#heads());
    this.guarded(this.#readEvents(events));
    this.guarded(this.#readMessages());
    this.ready = true;
    this.moved();
  }

  async leave() {
    this.left = true;
    await this.client.close();
    this.journal.close();
  }

  // -- what features offer ----------------------------------------------------------------------------------------------------

  /**
   * Make a call of a feature, and hear its answer. A refusal is one; it may also be lost with the process.
   *
   * @template T
   * @param {(client: import("../src/client.js").Client) => Promise<T>} call
   * @param {(answer: T) => void} [then]
   */
  ask(call, then = () => {}) {
    this.guarded(this.#ask(call, then));
  }

  /**
   * @template T
   * @param {(client: import("../src/client.js").Client) => Promise<T>} call
   * @param {(answer: T) => void} then
   */
  async #ask(call, then) {
    this.#asking += 1;
    try {
      const answer = await call(this.client);
      this.counts.acts += 1;
      then(answer);
    } catch (error) {
      if (!(error instanceof Refused || error instanceof OutboxFull)) throw error;
    } finally {
      this.#asking -= 1;
      this.moved();
    }
  }

  // -- hearing --------------------------------------------------------------------------------------------------------------

  async #readMessages() {
    for await (const message of this.client.messages()) {
      this.#inHand = message;
      await this.#dawdle(); // a kill may come before a message is written down …
      if (this.left) return;
      if (this.#inHand !== message) continue; // … or an older copy, and then it is none any more …
      this.journal.shown(message);
      this.counts.shown += 1;
      this.counts.marked += Number(message.redelivered);
      this.#last.set(message.conversationId, message.position);
      remember(this.seen, message, MAX_SEEN);
      this.moved();
      if (message.content !== null) this.hear(message);
      await this.#dawdle(); // … or before it is done
    }
  }

  /** Delay some messages of a slow client. */
  async #dawdle() {
    if (this.slow && this.#random.number() < DAWDLE_SHARE) await pause(this.#random.between(0, DAWDLE_MS));
  }

  /** @param {AsyncIterable<any>} events */
  async #readEvents(events) {
    for await (const event of events) {
      if (this.left) return;
      this.#HEARD[event.type]?.(event);
    }
  }

  /** By type of event. @type {Record<string, (event: any) => void>} */
  #HEARD = {
    postSettled: ({ key, posted, error }) => this.posts.settled(key, posted, error),
    connectionChanged: (event) => this.#noteConnection(event),
    cursorMoved: (event) => this.#noteCursor(event),
    historyReplaced: (event) => this.#noteFall(event),
    postsGone: (event) => this.posts.gone(event),
    catchUpFailed: (event) => this.break(JSON.stringify(event)),
    edited: (event) => this.journal.replaced(event.conversationId, event.position, event.revision, event.content),
    typing: (event) => this.journal.noted("typing", [event.conversationId, event.userId]),
  };

  /** @param {import("../src/events.js").ConnectionChanged} event */
  #noteConnection({ state, resumed }) {
    const up = state === "connected";
    if (state === "connecting") this.#tryingSince = Date.now();
    if (up) {
      this.#upSince = monotonic();
      this.journal.entered(this.#tryingSince);
    }
    this.#noteLine(up);
    this.counts.connections += Number(up);
    this.counts.resumed += Number(resumed);
    this.moved();
  }

  /** @param {boolean} up */
  #noteLine(up) {
    remember(this.#changes, { at: monotonic(), up }, MAX_CHANGES);
  }

  /**
   * What was known above a position is void, as it would be for any application.
   *
   * @param {import("../src/events.js").HistoryReplaced} event
   */
  #noteFall({ conversationId, agreed }) {
    const keep = agreed ?? 0;
    this.journal.fell(conversationId, keep, this.#upSince);
    this.replaced.add(conversationId);
    const hand = this.#inHand;
    if (hand?.conversationId === conversationId && hand.position > keep) this.#inHand = null;
    const last = this.#last.get(conversationId);
    if (last !== undefined) this.#last.set(conversationId, Math.min(last, keep));
    /** @type {(place: Place) => boolean} */
    const stays = (place) => place.conversationId !== conversationId || place.position <= keep;
    this.stored = this.stored.filter(stays);
    this.seen = this.seen.filter(stays);
    this.fell(conversationId);
    this.moved();
  }

  /** Cursors go back with an older copy only. @param {import("../src/events.js").CursorMoved} event */
  #noteCursor({ conversationId, userId, cursor: { delivered, read } }) {
    const place = JSON.stringify([conversationId, userId]);
    const { old, since } = this.#cursors.get(place) ?? { old: { delivered: 0, read: 0 }, since: 0 };
    if (delivered < old.delivered || read < old.read) {
      const from = `${old.delivered}, ${old.read}`;
      this.journal.cursorsFell(`the cursors of ${place} went back from ${from} to ${delivered}, ${read}`, since);
    }
    this.#cursors.set(place, { old: { delivered, read }, since: this.#upSince });
  }

  // -- orders ---------------------------------------------------------------------------------------------------------------

  /** Keys of posts that had gone out to a server at that moment, and have no answer now. @param {number} moment */
  unansweredAt(moment) {
    const before = this.#changes.filter(({ at }) => at <= moment);
    if (!before.at(-1)?.up) return [];
    return this.posts.unansweredSince(moment);
  }

  /**
   * Wait until all posts and calls are answered and all messages are here. Resolves with what it waits for in vain, or "".
   *
   * @param {number} timeoutMs
   */
  async settle(timeoutMs) {
    let over = false;
    let waitsFor = "its connection";
    const work = async () => {
      /** @type {[() => boolean, () => string][]} */
      const waits = [
        [() => this.ready, () => "its connection"],
        [() => this.posts.unanswered + this.#queued === 0,
          () => `answers to ${this.posts.unanswered} posts, ${this.#queued} in the outbox`],
        [() => this.#asking === 0, () => `answers to ${this.#asking} calls`],
      ];
      /** @type {Record<string, number> | null} */
      let heads = null;
      while (heads === null || (!over && waits.some(([reached]) => !reached()))) { // an answer may be followed by an act
        for (const [reached, what] of waits) {
          while (!over && !reached()) {
            waitsFor = what();
            await this.#change();
          }
        }
        waitsFor = "the list of conversations";
        heads = await this.#heads();
      }
      const earlier = this.journal.lastShown();
      /** @param {string} id */
      const shown = (id) => Math.max(this.#last.get(id) ?? 0, earlier.get(id) ?? 0);
      for (;;) {
        const behind = Object.entries(heads).filter(([id, head]) => head > shown(id));
        if (over || behind.length === 0) break;
        waitsFor = `message ${behind[0][1]} of ${behind[0][0]} and ${behind.length - 1} more conversations`;
        await this.#change();
      }
      if (over) return false;
      this.journal.caughtUp(heads);
      waitsFor = "what features show";
      await rest(this);
      return true;
    };
    const settled = await Promise.race([this.guarded(work()), pause(timeoutMs)]);
    over = true;
    if (settled) return "";
    return `${this.name} (${this.connected ? "connected" : "not connected"}) waits for ${waitsFor} ${this.broken}`.trim();
  }

  get #queued() {
    return this.client.outbox().length;
  }

  /** The heads of all conversations. */
  async #heads() {
    /** @type {Record<string, number>} */
    const heads = {};
    let before = null;
    do {
      const page = await this.client.conversations({ before, limit: PAGE });
      for (const { conversationId, head } of page.conversations) heads[conversationId] = head;
      before = /** @type {string | null} */ (page.next);
    } while (before !== null);
    return heads;
  }

  #change() {
    return new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
  }

  moved() {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /**
   * @template T
   * @param {Promise<T>} work
   * @returns {Promise<T | null>}
   */
  async guarded(work) {
    try {
      return await work;
    } catch (error) {
      if (error instanceof Disconnected) return null;
      console.error(error);
      this.break(String(error));
      return null;
    }
  }

  /** @param {string} text */
  break(text) {
    this.broken ||= text;
    this.journal.trouble(text);
    this.moved();
  }
}
