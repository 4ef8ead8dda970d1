/** What taps do: one command, and then what the shop made of it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Acts, actOf, isGoing } from "../../../imserver/plugins/booking/pages/src/acts.js";
import { createStore } from "../../../imserver/plugins/booking/pages/src/store.js";

/** @type {any} */
const SHOP = { id: "garden", bot: "store-garden" };
/** @param {any} mine */
const isHeld = (mine) => mine.held !== null;

/**
 * A page with a line whose posts `answer` to, by setting what is one's own and by messages of the bot.
 *
 * @param {(page: any) => void | Promise<void>} answer
 */
function begin(answer) {
  const listeners = new Set();
  /** @type {any} */
  const store = createStore({ act: null, others: [], reachable: true, mine: { value: { held: null } } });
  const page = {
    store,
    posts: /** @type {string[]} */ ([]),
    reads: 0,
    next: /** @type {any} */ (null),
    own: (/** @type {any} */ held) => store.set({ mine: { value: { held } } }),
    says: (/** @type {string} */ text, /** @type {any} */ patch = {}) => {
      const message = { conversationId: "c", position: 9, senderId: SHOP.bot, sentAt: 9, content: { text }, ...patch };
      for (const listener of [...listeners]) listener(message);
    },
    acts: /** @type {any} */ (null),
  };
  const line = {
    post: async (/** @type {any} */ _, /** @type {string} */ text) => {
      page.posts.push(text);
      await answer(page);
      return { conversationId: "c", position: 5, sentAt: 5 };
    },
    heard: (/** @type {any} */ listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const read = async () => {
    page.reads += 1;
    return page.next !== null && page.own(page.next);
  };
  const source = { now: () => store.get().mine.value, read };
  page.acts = new Acts(/** @type {any} */ ({ store, line, source }));
  return page;
}

const act = (/** @type {any} */ page) => page.acts.do("take", "15:00", SHOP, "/book exam at 15:00", isHeld);

test("it is done when one's own says so, whether a push, the answer or both tell of it", async () => {
  const ways = [
    (/** @type {any} */ page) => page.own({}),
    (/** @type {any} */ page) => {
      page.next = {};
      page.says("held");
    },
    (/** @type {any} */ page) => void setTimeout(() => page.own({}), 5),
  ];
  for (const way of ways) {
    const page = begin(way);
    assert.equal(await act(page), true);
    assert.equal(page.store.get().act.state, "done");
  }
});

test("the bot's answer has nothing read a second time where the hint beside it has it read", async () => {
  const page = begin((page) => {
    page.says("held");
    setTimeout(() => page.own({}));
  });
  assert.equal(await act(page), true);
  assert.equal(page.reads, 0);
});

test("it is done when the server says so, also before the post has its answer; what was so at the tap says nothing", async () => {
  /** @type {(value: void) => void} */
  let answer = () => {};
  const early = begin(async (page) => {
    page.own({});
    await new Promise((resolve) => (answer = resolve)); // the answer is late
  });
  assert.equal(await act(early), true);
  assert.equal(early.store.get().act.state, "done");
  answer(); // or Node waits with its end for the time that this may take
  const before = begin(() => new Promise((resolve) => (answer = resolve)));
  before.own({});
  const doing = act(before);
  before.own({});
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isGoing(before.store.get().act), true);
  answer();
  assert.equal(await doing, true);
});

test("the bot's words are the refusal; what it said before the tap, or elsewhere, is not", async () => {
  const page = begin((page) => {
    page.says("an older message", { position: 4 });
    page.says("somebody else", { senderId: "store-river" });
    page.says("Just taken. Free: 15:15.");
    page.says("another conversation, long ago", { conversationId: "d", sentAt: 1 });
  });
  assert.equal(await act(page), false);
  const { state, words } = page.store.get().act;
  assert.deepEqual([state, words], ["refused", "Just taken. Free: 15:15."]);
});

test("a failure keeps its code; without a network nothing is posted", async () => {
  const page = begin(() => {
    throw Object.assign(new Error("x"), { code: "COOKIES" });
  });
  assert.equal(await act(page), false);
  assert.deepEqual([page.store.get().act.state, page.store.get().act.code], ["failed", "COOKIES"]);
  page.store.set({ reachable: false });
  assert.equal(await act(page), false);
  assert.deepEqual([page.posts.length, page.store.get().act.code], [1, "NO_NETWORK"]);
});

test("a tap while another is under way waits its turn, and what came to nothing before stays in sight", async () => {
  const taps = /** @type {Map<string, any>} */ (new Map());
  const page = begin((page) => new Promise((_, reject) => taps.set(/** @type {any} */ (page.posts.at(-1)), reject)));
  const tap = (/** @type {string} */ code) => page.acts.do("arrive", code, SHOP, code, isHeld);
  const posted = async (/** @type {string} */ code) => {
    while (!taps.has(code)) await new Promise((resolve) => setImmediate(resolve));
  };
  const fail = async (/** @type {string} */ code) => {
    await posted(code);
    taps.get(code)(Object.assign(new Error("x"), { code }));
  };
  const state = (/** @type {string} */ code) => actOf(page.store.get(), code)?.state;
  const [first, second, third] = [tap("A"), tap("B"), tap("C")];
  assert.equal(await tap("B"), false); // it waits already
  assert.deepEqual([...["A", "B", "C"].map(state), page.posts], ["sending", "waiting", "waiting", ["A"]]);
  await fail("A");
  await first;
  await posted("B");
  assert.deepEqual(["A", "B", "C"].map(state), ["failed", "sending", "waiting"]);
  page.acts.forget();
  assert.deepEqual(["A", "B", "C"].map(state), [undefined, "sending", "waiting"], "what was read goes, and no tap with it");
  await fail("B");
  await second;
  await fail("C");
  await third;
  assert.deepEqual([...["B", "C"].map(state), page.posts], ["failed", "failed", ["A", "B", "C"]]);
});

test("a second tap while one is under way posts nothing", async () => {
  /** @type {(value: void) => void} */
  let go = () => {};
  const page = begin(() => new Promise((resolve) => (go = resolve)));
  const first = act(page);
  assert.equal(isGoing(page.store.get().act, "take"), true);
  assert.equal(await act(page), false);
  page.own({});
  go();
  assert.equal(await first, true);
  assert.deepEqual(page.posts, ["/book exam at 15:00"]);
});
