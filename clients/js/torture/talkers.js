/** The load: texts to groups and to single users, at times and in sizes drawn from the seed (`talker.py` is Python's twin). */

import { ACTS } from "./acts.js";

/** @typedef {import("./actor.js").Actor} Actor */
/** @typedef {import("./random.js").Random} Random */

/** Shares: of all posts given up again, and followed by an act of a feature once answered; of all answers read. */
const GIVE_UP_SHARE = 0.01;
const ACT_SHARE = 0.05;
const READ_SHARE = 0.2;
const GIVE_UP_WITHIN_MS = 50;
/** In some bursts one client says so much, and then offers again up to so much of what it said before. */
const RUN_SHARE = 0.4;
const RUN_POSTS = 80;
const RUN_AGAIN = 10;
/** A process that was stopped for longer skips the posts that it missed. */
const MAX_BEHIND_S = 0.5;
/** Share of messages that a guest answers. */
const ANSWER_SHARE = 0.5;

/** All talkers of one process. */
export class Talkers {
  #random;
  #rate;
  #numbers = 0;
  #stopped = false;
  /** Where each talks. @type {Map<Actor, string[]>} */
  places = new Map();

  /**
   * @param {Random} random
   * @param {number} rate  Posts a second of all of them together.
   */
  constructor(random, rate) {
    this.#random = random;
    this.#rate = rate;
  }

  /** Post at random moments until `stop`. */
  talk() {
    let nextAt = performance.now() / 1000;
    const next = () => {
      if (this.#stopped) return;
      const now = performance.now() / 1000;
      nextAt = Math.max(nextAt + this.#random.exponential(this.#rate), now - MAX_BEHIND_S);
      setTimeout(() => {
        const ready = [...this.places.keys()].filter((actor) => actor.ready && !actor.broken);
        if (ready.length > 0 && !this.#stopped) this.say(this.#random.choice(ready));
        next();
      }, Math.max(0, nextAt - now) * 1000);
    };
    next();
  }

  stop() {
    this.#stopped = true;
  }

  /**
   * Post `count` messages at once from connected clients; returns how many it were.
   *
   * @param {number} count
   */
  burst(count) {
    const ready = [...this.places.keys()].filter((actor) => actor.ready && actor.connected);
    if (ready.length === 0) return 0;
    let said = 0;
    for (let n = 0; n < count; n += 1) said += Number(this.say(this.#random.choice(ready)));
    if (this.#random.number() < RUN_SHARE) {
      const actor = this.#random.choice(ready);
      for (let n = 0; n < RUN_POSTS; n += 1) said += Number(this.say(actor));
      actor.posts.offerAgain(this.#random.integer(1, RUN_AGAIN));
    }
    return said;
  }

  /**
   * One post of this client, and perhaps it is given up, or followed by something that a feature offers.
   *
   * @param {Actor} actor
   */
  say(actor) {
    const places = this.places.get(actor) ?? [];
    if (places.length === 0) return false;
    this.#numbers += 1;
    const place = this.#random.choice(places);
    const posting = actor.posts.post(place, this.#text(actor.name));
    if (posting === null) return false;
    const dice = this.#random.number();
    if (dice < GIVE_UP_SHARE) {
      setTimeout(() => actor.posts.giveUpLast(place), this.#random.between(0, GIVE_UP_WITHIN_MS));
    } else if (dice < GIVE_UP_SHARE + ACT_SHARE + READ_SHARE) {
      posting.then((posted) => {
        if (posted === null) return;
        if (dice < GIVE_UP_SHARE + ACT_SHARE) this.#random.choice(ACTS)(actor, this.#random, place);
        else actor.client.markRead(posted.conversationId, posted.position);
      });
    }
    return true;
  }

  /** Mostly short, now and then as long as a page, rarely as long as allowed. @param {string} name */
  #text(name) {
    const dice = this.#random.number();
    let size = dice < 0.85 ? this.#random.integer(10, 200) : this.#random.integer(200, 2000);
    if (dice > 0.99) size = this.#random.integer(2000, 12_000);
    return `${name} says ${this.#numbers} ${"字".repeat(Math.floor(size / 8))}${".".repeat(size % 97)}`;
  }
}

/** Notices its admission to a group, and answers there while it is a member. */
export class Guest {
  #actor;
  #random;
  #stopping;
  /** @type {Set<string>} */
  #inside = new Set();

  /**
   * @param {Actor} actor
   * @param {Random} random
   * @param {() => boolean} stopping
   */
  constructor(actor, random, stopping) {
    this.#actor = actor;
    this.#random = random;
    this.#stopping = stopping;
    actor.hear = (message) => this.#hear(message);
    actor.fell = (conversationId) => this.#inside.delete(conversationId);
  }

  /** @param {import("../src/values.js").Message} message */
  #hear({ conversationId, position, senderId, content }) {
    const me = this.#actor.part.user_id;
    if (content?.type === "system" && content.user === me) {
      if (content.event === "added") this.#inside.add(conversationId);
      else this.#inside.delete(conversationId);
      return;
    }
    const answers = this.#inside.has(conversationId) && senderId !== "" && senderId !== me;
    if (answers && !this.#stopping() && this.#random.number() < ANSWER_SHARE) {
      this.#actor.posts.post(conversationId, `${this.#actor.name} is in here, too, after ${position}`);
    }
  }
}
