/** Questions that several tabs watch: asked once, told to each, and asked again of a new leader. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Hub } from "../../../clients/js/src/tabs/hub.js";
import { TabClient } from "../../../clients/js/src/tabs/tab_client.js";

/** A client whose answers the test gives. */
function made() {
  const asked = [];
  const watch = (method, params) => {
    const queue = [];
    let wake = () => {};
    const question = { method, params, left: false, give: (value) => (queue.push(value), wake()) };
    asked.push(question);
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      async next() {
        while (queue.length === 0 && !question.left) await new Promise((resolve) => (wake = resolve));
        if (question.left) return { done: true, value: undefined };
        const value = queue.shift();
        if (value instanceof Error) throw value;
        return { done: false, value };
      },
      async return() {
        question.left = true;
        wake();
        return { done: true, value: undefined };
      },
    };
  };
  return { asked, client: { userId: "ann", deviceId: "browser", watch } };
}

/** Tabs `a` and `b` and their leader. */
function world() {
  const one = made();
  const tabs = {};
  const lead = (client) => {
    const hub = new Hub(client, null, (to, said) => {
      for (const [name, tab] of Object.entries(tabs)) if (to === null || to === name) tab.heard(said);
    });
    return hub;
  };
  let hub = lead(one.client);
  for (const name of ["a", "b"]) {
    tabs[name] = new TabClient({ tabId: name, handedIn: null, ask: (said) => hub.heard(name, said), end: async () => {} });
    tabs[name].become("following");
  }
  hub.begin();
  return { ...one, tabs, hub, newLeader: (client) => ((hub = lead(client)), hub.begin()) };
}

const soon = () => new Promise((resolve) => setImmediate(resolve));

test("two tabs watch one question: it is asked once, and both have each answer, the later tab at once", async () => {
  const { asked, tabs } = world();
  const [first, second] = [tabs.a, tabs.b].map((tab) => tab.watch("x-booking.mine", [1]));
  const one = first.next();
  asked[0].give("old");
  assert.equal((await one).value, "old");
  assert.equal((await second.next()).value, "old");
  const both = [first.next(), second.next()];
  asked[0].give("new");
  assert.deepEqual((await Promise.all(both)).map(({ value }) => value), ["new", "new"]);
  assert.equal(asked.length, 1);
});

test("a question ends with the last tab that watches it, and a killed tab watches nothing", async () => {
  const { asked, tabs, hub } = world();
  const first = tabs.a.watch("x-booking.mine");
  void tabs.b.watch("x-booking.mine").next();
  const one = first.next();
  asked[0].give(1);
  await one;
  await first.return();
  assert.equal(asked[0].left, false);
  hub.gone("b");
  assert.equal(asked[0].left, true);
});

test("a question that is left while its answer is waited for ends at once", async () => {
  const { asked, tabs } = world();
  const answers = tabs.a.watch("x-booking.day", ["garden", "2026-12-03"]);
  const waiting = answers.next();
  await answers.return();
  assert.equal(asked[0].left, true);
  assert.equal((await waiting).done, true);
});

test("another leader is asked again, and a slow reader has the newest answer alone", async () => {
  const { asked, tabs, newLeader } = world();
  const answers = tabs.a.watch("x-booking.mine");
  const one = answers.next();
  asked[0].give(1);
  await one;
  const next = made();
  newLeader(next.client);
  next.asked[0].give(2);
  await soon();
  next.asked[0].give(3);
  await soon();
  assert.equal((await answers.next()).value, 3);
});

test("a refusal ends the watching with the server's words", async () => {
  const { asked, tabs } = world();
  const one = tabs.a.watch("x-booking.mine").next();
  asked[0].give(new Error("no such shop"));
  await assert.rejects(one, /no such shop/);
});
