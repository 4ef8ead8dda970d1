/** The store: parts are replaced, listeners hear of it once. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createStore } from "../../../imserver/plugins/booking/pages/src/store.js";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("several changes in one turn are told once, with the last state; no change is not told", async () => {
  const store = createStore({ count: 0, name: "a" });
  /** @type {any[]} */
  const heard = [];
  const stop = store.subscribe((state) => heard.push({ ...state }));
  store.set({ count: 1 });
  store.set({ count: 2, name: "b" });
  assert.equal(store.get().count, 2);
  await turn();
  store.set({ count: 2 });
  await turn();
  assert.deepEqual(heard, [{ count: 2, name: "b" }]);
  stop();
  store.set({ count: 3 });
  await turn();
  assert.equal(heard.length, 1);
});

test("a state that was handed out never changes", () => {
  const store = createStore({ count: 0 });
  const before = store.get();
  store.set({ count: 1 });
  assert.equal(before.count, 0);
  assert.throws(() => void (/** @type {any} */ (before).count = 5), TypeError);
});
