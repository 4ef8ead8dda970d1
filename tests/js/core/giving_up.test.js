/** Giving up a post that was answered before: one outcome, whatever came between the answers. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../../clients/js/src/core/backoff.js";
import { Journal } from "../../../clients/js/src/core/journal.js";
import { Posting } from "../../../clients/js/src/core/posting.js";
import { SessionLost } from "../../../clients/js/src/core/requests.js";
import { Store } from "../../../clients/js/src/core/store.js";
import { Timers } from "../../../clients/js/src/core/timers.js";
import { MACHINE } from "../../../clients/js/src/environment.js";
import { Abandoned } from "../../../clients/js/src/errors.js";
import { DEFAULT_CLIENT_LIMITS } from "../../../clients/js/src/limits.js";
import { MemoryStorage } from "../../../clients/js/src/storage/memory.js";
import { ABANDON } from "../../../clients/js/src/wire/methods.js";
import { hex } from "../../../clients/js/src/wire/values.js";

const KEY = new Uint8Array(16).fill(107);
const NOTHING = new Uint8Array([0x80]);

/** Things of which each is awaited, or waits, in order. */
class Queue {
  #things = [];
  #waiting = [];

  put(thing) {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(thing);
    else this.#things.push(thing);
  }

  async get() {
    return this.#things.length > 0 ? this.#things.shift() : new Promise((go) => this.#waiting.push(go));
  }
}

/** The requests of a client, answered one by one by the test. */
class Server {
  roomForPosts = true;
  limits = null;
  posts = new Queue();
  asked = new Queue();

  send(method, params, onAnswer) {
    this.posts.put((position) => onAnswer({ event: "reply", result: [position, 0, false] }));
    return true;
  }

  call(method) {
    // The other one is the page that tells when it was stored.
    if (method !== ABANDON) return Promise.resolve({ items: [] });
    return new Promise((resolve, reject) => this.asked.put({ resolve, reject }));
  }

  /** The next post is answered so. */
  async stores(position) {
    (await this.posts.get())(position);
  }
}

/** One process of a client. */
async function posting(requests, storage = new MemoryStorage()) {
  const loaded = await storage.open();
  const failed = (error) => assert.fail(error);
  const store = new Store(new Journal(storage, failed));
  store.open(loaded);
  return new Posting({
    requests, store,
    limits: DEFAULT_CLIENT_LIMITS,
    timers: new Timers(MACHINE),
    mayOffer: true,
    lineage: { moved: () => {}, own: { posted: () => {} }, step: () => null },
    arrivals: { ownMessage: () => {}, noteHead: () => {} },
    announce: () => {},
    keyOr: (key) => key,
    own: (promise) => promise.catch(failed),
    makeBackoff: () => new Backoff((least) => least, 1000),
  });
}

for (const answered of ["before the call", "during the call"]) {
  test(`what is given up and offered again is not said to be given up; answered ${answered}`, { timeout: 10_000 }, async () => {
    const server = new Server();
    const client = await posting(server);
    const post = client.post("c", "hello", { key: KEY });
    let givingUp;
    if (answered === "before the call") {
      await server.stores(1);
      await post;
      givingUp = client.abandon("c", KEY);
    } else {
      const answer = await server.posts.get();
      givingUp = client.abandon("c", KEY);
      answer(1);
    }
    assert.equal((await post).position, 1);
    // The session ends before `abandon` is answered; the next one is with an older copy, which has no such post.
    (await server.asked.get()).reject(new SessionLost());
    client.sessionLost();
    const again = await server.asked.get();
    client.offerAgain([{ conversationId: "c", key: hex(KEY), content: NOTHING, position: null }]);
    client.offer();
    again.resolve({ position: null });
    await server.stores(2);
    (await server.asked.get()).resolve({ position: 2 });
    assert.equal((await givingUp)?.position, 2);
  });
}

for (const process of ["the same process", "a later process"]) {
  test(`what was answered and is posted again is not given up unasked; in ${process}`, { timeout: 10_000 }, async () => {
    const server = new Server();
    const storage = new MemoryStorage();
    let client = await posting(server, storage);
    const post = client.post("c", "hello", { key: KEY });
    await server.stores(1);
    await post;
    if (process === "a later process") {
      await storage.close();
      client = await posting(server, storage);
    }
    // It is in the outbox, and not in the store yet: so it is not sent.
    const again = client.post("c", "hello", { key: KEY });
    const givingUp = client.abandon("c", KEY);
    await Promise.race([server.stores(1), givingUp]);
    assert.equal((await again).position, 1);
    (await server.asked.get()).resolve({ position: 1 });
    assert.equal((await givingUp)?.position, 1);
  });
}

test("what was never sent is given up at once", { timeout: 10_000 }, async () => {
  const server = new Server();
  const client = await posting(server);
  const post = assert.rejects(client.post("c", "hello", { key: KEY }), Abandoned);
  assert.equal(await client.abandon("c", KEY), null);
  await post;
});
