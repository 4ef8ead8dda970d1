/** The service worker: the page without a network, and nothing of a person. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const SOURCE = readFileSync(new URL("../../../imserver/plugins/booking/pages/src/offline/worker.js", import.meta.url), "utf8");
const ORIGIN = "https://shop.test";

/** A worker of version 2. `network`: what the server answers, by path; an Error: it is not reached. */
async function begin(network = {}) {
  const listeners = {}, kept = new Map([["imserver-page:1", new Map()], ["others", new Map()]]), asked = [];
  const pathOf = (request) => new URL(typeof request === "string" ? request : request.url, ORIGIN).pathname;
  const fetch = async (request) => {
    asked.push(pathOf(request));
    const answer = network[pathOf(request)] ?? new Response("of the server");
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const open = async (name) => {
    if (!kept.has(name)) kept.set(name, new Map());
    const cache = kept.get(name);
    return {
      addAll: async (all) => all.forEach((one) => cache.set(pathOf(one), new Response("kept"))),
      match: async (path) => cache.get(path)?.clone(),
      put: async (request, answer) => void cache.set(pathOf(request), answer),
    };
  };
  const self = {
    addEventListener: (name, listener) => (listeners[name] = listener),
    location: { origin: ORIGIN }, clients: { claim: async () => {} }, skipWaiting: async () => {},
  };
  const caches = { open, keys: async () => [...kept.keys()], delete: async (name) => kept.delete(name) };
  class OfPage {
    constructor(path) {
      this.url = ORIGIN + path;
    }
  }
  const built = { BUILT_VERSION: "2", BUILT_PARTS: ["/x/booking/pages/main.1.js"] };
  runInNewContext(SOURCE, { self, caches, fetch, URL, Request: OfPage, Response, setTimeout: (...given) => setTimeout(...given).unref(), ...built });
  for (const name of ["install", "activate"]) {
    let work;
    listeners[name]({ waitUntil: (promise) => (work = promise) });
    await work;
  }
  const ask = async (path, { method = "GET", mode = "cors" } = {}) => {
    let answer = null;
    const url = path.startsWith("/") ? ORIGIN + path : path;
    listeners.fetch({ request: { url, method, mode }, respondWith: (promise) => (answer = promise) });
    return answer === null ? "left alone" : (await answer).text();
  };
  return { ask, asked, kept };
}

const OFFLINE = new TypeError("Failed to fetch");
const SCREEN = { mode: "navigate" };

test("what the server says of a person is neither answered nor kept, also where somebody opens it by its address", async () => {
  const worker = await begin();
  for (const path of ["/api/session", "/api/devices", "/x/booking/day?shop=garden", "/x/booking/event/A2S4.ics", "/files/1", "/ical/1", "https://else.test/"]) {
    assert.equal(await worker.ask(path), "left alone", path);
    assert.equal(await worker.ask(path, SCREEN), "left alone", path);
  }
  assert.equal(await worker.ask("/mine", { method: "POST", mode: "navigate" }), "left alone");
  assert.deepEqual([...worker.kept.get("imserver-page:2").keys()], ["/x/booking/pages/main.1.js", "/"]);
});

test("a screen is the server's newest, and the kept one without a network or behind a proxy that has no server", async () => {
  const worker = await begin({ "/s/garden": OFFLINE, "/mine": new Response("bad gateway", { status: 502 }) });
  assert.equal(await worker.ask("/", SCREEN), "of the server");
  assert.equal(await worker.ask("/s/garden", SCREEN), "kept");
  assert.equal(await worker.ask("/mine", SCREEN), "kept");
  assert.deepEqual([...worker.kept.get("imserver-page:2").keys()], ["/x/booking/pages/main.1.js", "/"]);
});

test("parts of this version come from the cache; those of the version before are gone, and others' caches are not", async () => {
  const worker = await begin();
  assert.equal(await worker.ask("/x/booking/pages/main.1.js"), "kept");
  assert.deepEqual([worker.asked, [...worker.kept.keys()]], [[], ["others", "imserver-page:2"]]);
});
