/** What the staff's screens keep beside what they draw: sound, unread counts, what is kept, whether an act has done something. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isChanged } from "../../../imserver/plugins/booking/pages/src/staff/actions.js";
import { KeptStaff } from "../../../imserver/plugins/booking/pages/src/staff/kept.js";
import { staffWords } from "../../../imserver/plugins/booking/pages/src/staff/own_words.js";
import { StaffReadings } from "../../../imserver/plugins/booking/pages/src/staff/readings.js";
import { Sound } from "../../../imserver/plugins/booking/pages/src/staff/sound.js";
import { Unread } from "../../../imserver/plugins/booking/pages/src/staff/unread.js";
import { createStore } from "../../../imserver/plugins/booking/pages/src/store.js";
import { speak } from "../../../imserver/plugins/booking/pages/src/words/index.js";

const soon = () => new Promise((resolve) => setImmediate(resolve));

// -- sound ------------------------------------------------------------------------------------------------------------

test("the first tap or key anywhere lets alarms be heard, and says so", async () => {
  for (const type of ["pointerup", "keydown"]) {
    const told = [];
    const target = new EventTarget();
    const context = { state: "suspended", resume: async () => void (context.state = "running") };
    const sound = new Sound((state) => told.push(state), () => /** @type {any} */ (context));
    sound.whenTouched(target);
    assert.equal(context.state, "suspended");
    target.dispatchEvent(new Event(type));
    await soon();
    assert.deepEqual([context.state, told], ["running", ["on"]]);
  }
});

test("a machine without a sound card is a refusal", async () => {
  const told = [];
  const sound = new Sound((state) => told.push(state), () => { throw new Error("no sound card"); });
  assert.equal(await sound.ready(), false);
  await sound.ring();
  assert.deepEqual(told, ["refused", "refused"]);
});

// -- unread counts ----------------------------------------------------------------------------------------------------

/** A line of staff-li; `say` and `tell` are what a server would push. */
function counting() {
  const world = { counts: /** @type {any} */ ({}), say: null, tell: null };
  const line = {
    session: { userId: "staff-li" },
    heard: (listener) => (world.say = (position, more = {}) =>
      listener({ conversationId: "c", position, own: false, content: { type: "text", text: "a" }, ...more })),
    told: (listener) => (world.tell = listener),
  };
  const unread = new Unread(/** @type {any} */ (line), (counts) => (world.counts = counts));
  return { world, unread };
}

test("what others say is unread, and own words, other news and what comes twice are not", () => {
  const { world } = counting();
  world.say(1);
  world.say(2);
  assert.deepEqual(world.counts, { c: 2 });
  world.say(2);
  world.say(3, { own: true });
  world.say(4, { content: { type: "system", event: "added" } });
  assert.deepEqual(world.counts, { c: 2 });
});

test("what was read here, or on another device of one's own, is read", () => {
  const { world, unread } = counting();
  world.say(1);
  world.say(2);
  const moved = (userId, read) => world.tell({ type: "cursorMoved", conversationId: "c", userId, cursor: { read } });
  moved("staff-wang", 2);
  assert.deepEqual(world.counts, { c: 2 }, "a colleague's reading is not one's own");
  moved("staff-li", 2);
  assert.deepEqual(world.counts, {});
  world.say(3);
  unread.read("c", 2);
  assert.deepEqual(world.counts, { c: 1 }, "not as far as that");
  unread.read("c", 3);
  assert.deepEqual(world.counts, {});
});

test("counts begin with the client's, and another client counts anew", async () => {
  const { world, unread } = counting();
  const client = (rows) => ({ call: { conversations: async () => ({ conversations: rows }) } });
  await unread.begin(/** @type {any} */ (client([{ conversationId: "c", unread: 3, head: 9 }, { conversationId: "d", unread: 0, head: 4 }])));
  assert.deepEqual(world.counts, { c: 3 });
  world.say(9);
  assert.deepEqual(world.counts, { c: 3 }, "it is counted already");
  await unread.begin(/** @type {any} */ (client([{ conversationId: "c", unread: 0, head: 9 }])));
  assert.deepEqual(world.counts, {});
  let answer = (/** @type {any} */ rows) => void rows;
  const slow = { call: { conversations: () => new Promise((resolve) => (answer = (rows) => resolve({ conversations: rows }))) } };
  const late = unread.begin(/** @type {any} */ (slow));
  await unread.begin(/** @type {any} */ (client([{ conversationId: "c", unread: 1, head: 10 }])));
  answer([{ conversationId: "c", unread: 0, head: 9 }]);
  await late;
  assert.deepEqual(world.counts, { c: 1 }, "of the client before nothing counts");
});

// -- what is kept -----------------------------------------------------------------------------------------------------

/** A browser's disk, and what keeps on it. */
function keeping() {
  const disk = new Map();
  const kept = {
    put: async (name, value) => void disk.set(name, value),
    get: async (name) => disk.get(name),
    drop: async (prefix) => [...disk.keys()].filter((name) => name.startsWith(prefix)).forEach((name) => disk.delete(name)),
  };
  return { disk, staff: new KeptStaff(/** @type {any} */ ({ kept }), ({ day }) => day === "2026-12-01") };
}

test("of sheets today's alone is kept, by shop", async () => {
  const { disk, staff } = keeping();
  staff.keep("sheet", { shop: "garden", day: "2026-12-02" });
  assert.equal(disk.size, 0);
  const sheet = { shop: "garden", day: "2026-12-01" };
  staff.keep("sheet", sheet);
  staff.keep("shops", [{ id: "garden" }]);
  assert.deepEqual(await staff.recall("garden"), { shops: [{ id: "garden" }], inbox: undefined, sheet });
  assert.equal((await staff.recall("river")).sheet, undefined);
});

test("an inbox that waits to be kept is not kept of a shop that one has left", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { disk, staff } = keeping();
  staff.keep("inbox", { shop: "garden" });
  t.mock.timers.tick(60_000);
  assert.deepEqual([...disk.keys()], ["staff:inbox:garden"]);
  staff.keep("inbox", { shop: "garden" });
  staff.forget();
  t.mock.timers.tick(60_000);
  assert.equal(disk.size, 0);
});

// -- what is read -----------------------------------------------------------------------------------------------------

/**
 * The staff's screens of 1 December at an address, until the test is over; `kept` is what the browser has of another time, and
 * `answers` what a server says to each method, if there is one.
 *
 * @param {any} t @param {any} route
 */
function reading(t, route, { kept = {}, answers = /** @type {any} */ (null) } = {}) {
  const client = answers && {
    ask: async (/** @type {string} */ method, /** @type {any[]} */ params) => [await answers[method](...params)],
    watch: async function* (/** @type {string} */ method, /** @type {any[]} */ params) {
      if (answers[method]) yield [await answers[method](...params)];
      await new Promise(() => {});
    },
  };
  /** @type {any} */
  const store = createStore({ route: { shop: "", code: "", conversation: "", query: {}, ...route }, staff: null, chat: {}, act: null, others: [] });
  const world = { hear: /** @type {any} */ (null) };
  const line = { kept: {}, session: { userId: "staff-li" }, client: () => client, heard: (/** @type {any} */ listener) => (world.hear = listener) };
  const clock = { now: () => Date.UTC(2026, 11, 1, 4), saw: () => {} };
  const readings = new StaffReadings(/** @type {any} */ ({ store, line, clock, kept: { recall: async () => kept, keep: () => {}, forget: () => {} } }));
  const go = async (/** @type {any} */ patch) => {
    store.set({ route: { ...store.get().route, ...patch } });
    for (let turn = 0; turn < 5; turn += 1) await soon();
  };
  t.after(() => go({ name: "shop" }));
  return { store, readings, go, hear: (/** @type {any} */ content) => (world.hear({ content }), go({})) };
}

test("without a network the sheet that was kept is shown as its own day's alone", async (t) => {
  const sheet = { shop: "garden", day: "2026-12-01", rows: [] };
  const page = reading(t, { name: "staffToday", shop: "garden" }, { kept: { shops: [{ id: "garden", zone: "Asia/Shanghai" }], sheet } });
  await page.go({});
  assert.deepEqual(page.store.get().staff.sheet.value, sheet);
  await page.go({ query: { day: "2026-12-02" } });
  assert.equal(page.store.get().staff.sheet.value, null);
});

test("who is staff of one of two shops no more is told so there, and not at the other", async (t) => {
  let shops = [{ id: "garden", zone: "UTC" }, { id: "river", zone: "UTC" }];
  const page = reading(t, { name: "staffGroup", shop: "garden" }, { answers: { "x-booking.staff": () => shops, "x-booking.inbox": () => new Promise(() => {}) } });
  await page.go({});
  assert.equal(page.store.get().staff.gone, false);
  shops = [shops[1]];
  await page.hear({ type: "system", event: "removed", user: "staff-li" });
  assert.equal(page.store.get().staff.gone, true);
  await page.go({ shop: "river" });
  await page.hear({ type: "system", event: "removed", user: "staff-li" });
  assert.equal(page.store.get().staff.gone, false);
});

test("a page of the inbox that comes when another shop is looked at is not that one's", async (t) => {
  let answer = () => {};
  const row = { conversation: "group/1", since: null, at: 1 };
  const inbox = (/** @type {string} */ shop, before = "") => {
    const page = { shop, asOf: 1, edition: 1, number: 1, waiting: [], moreWaiting: 0, recent: [row], next: "more" };
    return before === "" ? page : new Promise((resolve) => (answer = () => resolve(page)));
  };
  const page = reading(t, { name: "staffInbox", shop: "garden" }, { answers: { "x-booking.staff": () => [{ id: "garden" }, { id: "river" }], "x-booking.inbox": inbox } });
  await page.go({});
  const more = page.readings.more();
  await page.go({ shop: "river" });
  answer();
  await more;
  assert.deepEqual([page.store.get().staff.inbox.value.shop, page.store.get().staff.older.rows], ["river", []]);
});

// -- acts -------------------------------------------------------------------------------------------------------------

test("an act has done something when the appointment is of a newer version, or gone", () => {
  const row = /** @type {any} */ ({ code: "A2S4", version: 2 });
  const rows = (/** @type {any[]} */ ...all) => /** @type {any} */ ({ sheet: { rows: all }, customer: null });
  assert.equal(isChanged(rows(row), row), false);
  assert.equal(isChanged(rows({ code: "A2S4", version: 3 }), row), true);
  assert.equal(isChanged(rows(), row), true);
  assert.equal(isChanged({ sheet: null, customer: null }, row), false, "nothing is known");
  const beside = /** @type {any} */ ({ sheet: { rows: [] }, customer: { upcoming: [row], past: [] } });
  assert.equal(isChanged(beside, row), false, "beside a conversation it is as it was");
});

test("what a tap posted is said in words, and what one typed stays", () => {
  speak("en");
  const said = (/** @type {string} */ text) => staffWords(text, "en");
  assert.equal(said("/take"), "Took over from the assistant");
  assert.equal(said("/confirm A2S4 v2 2026-12-02 16:00")?.includes("16:00"), true);
  for (const typed of ["/arrive A2S4", "到店 A2S4", "/take it", "/link li", "/link 12345", "take"]) assert.equal(said(typed), null, typed);
  for (const tapped of ["/arrive A2S4 v2", "到店 A2S4 v2", "/cancel A2S4 v2 yes", "/link 123456"]) assert.notEqual(said(tapped), null, tapped);
});
