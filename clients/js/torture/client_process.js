/**
 * A process with several clients for `imserver torture`, which starts it: `node client_process.js FOLDER`. It reads orders as
 * lines of JSON from standard input, answers on standard output, and ends when the input ends, as `client_process.py` does.
 */

import { writeSync } from "node:fs";
import { createInterface } from "node:readline";

import { directConversationId } from "../src/index.js";
import { Actor, newCounts } from "./actor.js";
import { livesOf } from "./client_journal.js";
import { Random } from "./random.js";
import { Guest, Talkers } from "./talkers.js";

/**
 * What its director says first: everything that a life of the process needs. `groups`: ids by number, once they are made.
 *
 * @typedef {{seed: number, number: number, life: number, folder: string, rate: number, groups: Record<string, string>,
 *   roles: {part: import("./actor.js").Part, address: string, token: string}[]}} Script
 */

/** @typedef {{number: number, owner: string, members: string[], team: number | null}} Group */

const TELL_EVERY_MS = 200;
const EXIT_ORPHAN = 3;

/** One line to the director. @param {object} line */
const tell = (line) => writeSync(1, `${JSON.stringify(line)}\n`);

/** The clients of this process, and the answers to its director. */
class ClientProcess {
  #script;
  #counts = newCounts();
  #random;
  #actors;
  #talkers;
  #stopping = false;
  #groups;

  /** @param {Script} script */
  constructor(script) {
    const { seed, number, life, folder, rate, roles, groups } = script;
    this.#script = script;
    this.#random = new Random(`client process ${seed} ${number} ${life}`);
    this.#actors = roles.map(({ part }) => new Actor(part, folder, livesOf(folder, part.device_id), this.#counts));
    this.#talkers = new Talkers(this.#random, rate);
    this.#groups = groups;
  }

  async run() {
    const begun = Object.keys(this.#groups).length > 0;
    setInterval(() => this.#tellFigures(), TELL_EVERY_MS);
    if (begun) this.#begin();
    const { roles } = this.#script;
    await Promise.all(this.#actors.map((actor, at) => actor.begin(roles[at].address, roles[at].token)));
    if (!begun) tell({ do: "ready" });
  }

  /** By the word of the order. @type {Record<string, (told: any) => void | Promise<void>>} */
  orders = {
    make: async ({ groups }) => {
      /** @type {Record<string, string>} */
      const made = {};
      for (const { number, owner, members, team } of /** @type {Group[]} */ (groups)) {
        const actor = this.#actors.find((one) => one.part.user_id === owner);
        if (actor === undefined) throw new Error(`${owner} is not here`);
        const options = { team: team === null ? null : made[team] };
        made[number] = await actor.client.createGroup(`group ${number}`, members, options);
      }
      tell({ do: "made", groups: made });
    },
    begin: ({ groups }) => {
      this.#groups = groups;
      this.#begin();
    },
    burst: async ({ count }) => {
      const said = this.#talkers.burst(count);
      await Promise.all(this.#actors.map((actor) => actor.posts.allTaken()));
      setImmediate(() => tell({ do: "said", count: said })); // they have gone out
    },
    unanswered: ({ at }) => {
      const ready = this.#actors.filter((actor) => actor.ready);
      tell({ do: "unanswered", at, keys: Object.fromEntries(ready.map((actor) => [actor.name, actor.unansweredAt(at)])) });
    },
    stop: () => {
      this.#stopping = true;
      this.#talkers.stop();
      for (const actor of this.#actors) actor.slow = false;
    },
    settle: async ({ timeout_s: timeoutS }) => {
      const stuck = await Promise.all(this.#actors.map((actor) => actor.settle(timeoutS * 1000)));
      tell({ do: "settled", stuck: stuck.filter((text) => text !== "") });
    },
    leave: async () => {
      await Promise.all(this.#actors.map((actor) => actor.leave()));
      this.#tellFigures();
      process.exit(0);
    },
  };

  #begin() {
    for (const actor of this.#actors) {
      const groups = actor.part.groups.map((number) => this.#groups[number]);
      const directs = actor.part.partners.map((partner) => directConversationId(actor.part.user_id, partner));
      this.#talkers.places.set(actor, [...groups, ...directs]);
      new Guest(actor, this.#random, () => this.#stopping);
    }
    this.#talkers.talk();
  }

  #tellFigures() {
    this.#counts.connected = this.#actors.filter((actor) => actor.connected).length;
    const broken = this.#actors.filter((actor) => actor.broken).map((actor) => actor.name);
    tell({ do: "figures", figures: this.#counts, broken });
  }
}

/** @type {ClientProcess | null} */
let running = null;
for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  if (running === null) {
    running = new ClientProcess(told);
    running.run();
  } else running.orders[told.do](told);
}
process.exit(EXIT_ORPHAN);
