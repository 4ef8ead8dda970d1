/** What the staff's screens keep beside what they draw: sound, unread counts, what is kept, whether an act has done something. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isChanged } from "../../../imserver/plugins/booking/pages/src/staff/actions.js";
import { KeptStaff } from "../../../imserver/plugins/booking/pages/src/staff/kept.js";
import { staffWords } from "../../../imserver/plugins/booking/pages/src/staff/own_words.js";
import { Sound } from "../../../imserver/plugins/booking/pages/src/staff/sound.js";
import { Unread } from "../../../imserver/plugins/booking/pages/src/staff/unread.js";
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
