/** A message is told when it is stored that it was handed over: after a kill in between it would come as if for the first time. */

import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";

import { Delivery } from "../../../clients/js/src/core/delivery.js";
import { Journal } from "../../../clients/js/src/core/journal.js";
import { Store } from "../../../clients/js/src/core/store.js";
import { DEFAULT_CLIENT_LIMITS } from "../../../clients/js/src/limits.js";
import { MemoryStorage } from "../../../clients/js/src/storage/memory.js";

const ITEM = {
  position: 1, senderId: "bob", sentAt: 0, key: new Uint8Array(16), content: new Uint8Array([0x80]), revision: 1,
  extra: {}, mine: {},
};
const HOW = { redelivered: false, own: false };

/** Commits wait until the test says `goOn`. */
class SlowStorage extends MemoryStorage {
  #going = Promise.withResolvers();

  async commit(changes) {
    await this.#going.promise;
    await super.commit(changes);
  }

  goOn() {
    this.#going.resolve();
  }
}

async function delivery(limits = {}) {
  const storage = new SlowStorage();
  const store = new Store(new Journal(storage, (error) => assert.fail(error)));
  store.open(await storage.open());
  const box = new Delivery(store, { step: () => null }, { ...DEFAULT_CLIENT_LIMITS, ...limits }, () => {}, () => {});
  return { box, storage };
}

/** What a next process finds. */
async function positions(storage) {
  await storage.close();
  return (await storage.open()).positions;
}

test("a message is told when it is stored that it was handed over", async () => {
  const { box, storage } = await delivery();
  box.put("c", ITEM, HOW);
  let told = null;
  const taken = box.take().then((message) => {
    told = message;
  });
  await turn();
  assert.equal(told, null);
  storage.goOn();
  await taken;
  assert.equal(told.position, 1);
  assert.deepEqual(await positions(storage), new Map([["c", [0, 1, 0]]]));
});

test("what was replaced while that was stored is not told", async () => {
  const { box, storage } = await delivery();
  box.put("c", { ...ITEM, position: 2 }, HOW);
  const taken = box.take();
  await turn();
  box.fall("c", 1);
  box.put("d", ITEM, HOW);
  storage.goOn();
  assert.equal((await taken).conversationId, "d");
});

test("what is taken back while it waits is told as a tombstone", async () => {
  const { box, storage } = await delivery();
  box.put("c", ITEM, HOW);
  box.takenBack("c", 1, 2);
  storage.goOn();
  const { content, revision } = await box.take();
  assert.deepEqual({ content, revision }, { content: null, revision: 2 });
});

test("room is counted in messages and in bytes, and what goes gives its room back", async () => {
  const { box } = await delivery({ maxQueuedMessages: 2 });
  for (const conversationId of ["c", "d"]) box.put(conversationId, ITEM, HOW);
  assert.deepEqual([box.hasRoom(), box.reserve(1)], [false, 0]);
  box.forget(["d"]);
  assert.deepEqual([box.hasRoom(), box.reserve(5), box.hasRoom()], [true, 1, false]);
  const { box: small } = await delivery({ maxQueuedBytes: 2 });
  for (const conversationId of ["c", "d"]) small.put(conversationId, ITEM, HOW);
  assert.equal(small.hasRoom(), false);
  small.takenBack("c", 1, 2);
  assert.equal(small.hasRoom(), true);
  small.put("c", { ...ITEM, position: 2 }, HOW);
  assert.equal(small.hasRoom(), false);
  small.fall("c", 1);
  assert.equal(small.hasRoom(), true);
});

test("what an older copy took away is not done, however far the copies behind it reach; what it left is", async () => {
  const { box, storage } = await delivery();
  storage.goOn();
  for (const [conversationId, position] of [["c", 4], ["d", 1], ["d", 2]]) box.put(conversationId, { ...ITEM, position }, HOW);
  const message = await box.take();
  box.fall("c", 3);
  box.fall("c", 9);
  message.done();
  assert.equal((await box.take()).position, 1);
  box.fall("c", 0);
  assert.equal((await box.take()).position, 2);
  await turn();
  const found = await positions(storage);
  assert.deepEqual([found.get("c"), found.get("d")], [[0, 4, 0], [1, 2, 0]]);
});
