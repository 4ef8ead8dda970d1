/** After a sign-out nothing of the person is left in this browser, and what others have keeps. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { erase } from "../../../imserver/plugins/booking/pages/src/line/erase.js";

const BEFORE = Object.fromEntries(
  ["indexedDB", "caches", "navigator"].map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]),
);

afterEach(() => {
  for (const [name, known] of Object.entries(BEFORE)) {
    if (known === undefined) delete globalThis[name];
    else Object.defineProperty(globalThis, name, known);
  }
});

/** A browser with these databases and caches, and a service worker. `lists`: it says which databases there are. */
function browser({ databases, caches = [], lists = true }) {
  const left = { databases: new Set(databases), caches: new Set(caches), workers: 1 };
  const indexedDB = {
    databases: lists ? async () => [...left.databases].map((name) => ({ name })) : undefined,
    deleteDatabase: (name) => {
      const request = {};
      queueMicrotask(() => {
        left.databases.delete(name);
        request.onsuccess();
      });
      return request;
    },
  };
  const own = {
    indexedDB,
    caches: { keys: async () => [...left.caches], delete: async (name) => left.caches.delete(name) },
    navigator: { serviceWorker: { getRegistrations: async () => [{ unregister: async () => void (left.workers = 0) }] } },
  };
  for (const [name, value] of Object.entries(own)) Object.defineProperty(globalThis, name, { value, configurable: true });
  return left;
}

for (const lists of [true, false]) {
  test(`databases of client and page, caches and the worker go; the browser ${lists ? "lists" : "does not list"} them`, async () => {
    const left = browser({
      databases: ["imserver:ann", "imserver-page:ann", "somebody-else"], caches: ["imserver-page:1", "others"], lists,
    });
    await erase("ann");
    assert.deepEqual([[...left.databases], [...left.caches], left.workers], [["somebody-else"], ["others"], 0]);
  });
}

test("of who was here before nothing stays either, and of who is here now all does", async () => {
  const left = browser({ databases: ["imserver:ann", "imserver-page:ann", "imserver-page:cy", "imserver:bob", "imserver-page:bob"] });
  await erase("ann", "bob");
  assert.deepEqual([...left.databases], ["imserver:bob", "imserver-page:bob"]);
});
