/** A post of a tab is handed in before the tab that leads hears of it, unless it is only worth saying now. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { TabClient } from "../../../clients/js/src/tabs/tab_client.js";

/** A tab that follows, whose database answers when the test says so. */
function begin() {
  const asked = [];
  const waiting = [];
  const handedIn = { add: () => new Promise((resolve) => waiting.push(resolve)), close: () => {} };
  const tab = new TabClient({
    tabId: "one", handedIn: /** @type {any} */ (handedIn), end: async () => {},
    ask: (said) => void (said.path === "post" && asked.push({ text: said.given[1], ...said.given[2] })),
  });
  tab.become("following");
  return { tab, asked, waiting };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("what is said now is asked for at once, and is not handed in", () => {
  const { tab, asked, waiting } = begin();
  void tab.post("group/a", "yes", { now: true });
  assert.deepEqual(asked.map(({ text, number, now }) => [text, number, now]), [["yes", null, true]]);
  assert.equal(waiting.length, 0);
});

test("it overtakes nothing that is being handed in", async () => {
  const { tab, asked, waiting } = begin();
  let kept = false;
  void tab.post("group/a", "words", { onKept: () => (kept = true) });
  void tab.post("group/a", "yes", { now: true });
  await turn();
  assert.deepEqual([asked, waiting.length], [[], 2]);
  for (const [at, go] of waiting.entries()) go(at + 1);
  await turn();
  assert.deepEqual(asked.map(({ text, number }) => [text, number]), [["words", 1], ["yes", 2]]);
  assert.equal(kept, true);
});
