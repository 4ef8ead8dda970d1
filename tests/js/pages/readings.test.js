/** What a screen reads: its own service's times, by the shop's day and the server's clock; and what this browser kept, until the server answers. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ServerClock } from "../../../imserver/plugins/booking/pages/src/clock.js";
import { Readings } from "../../../imserver/plugins/booking/pages/src/readings.js";
import { unread } from "../../../imserver/plugins/booking/pages/src/shapes.js";
import { createStore } from "../../../imserver/plugins/booking/pages/src/store.js";

/** 3 December 2026, 17:00 UTC: in Shanghai it is the 4th already. */
const NOW = Date.UTC(2026, 11, 3, 17);
const SHOP = { id: "garden", zone: "Asia/Shanghai", horizonDays: 30, services: [{ id: "exam", usual: true }, { id: "lenses", usual: false }] };
const CHAIN = { state: "ready", value: { shops: [SHOP] }, code: "", key: "" };
const MINE = { asOf: NOW, upcoming: [{ code: "A2S4", service: "lenses", wall: "2026-12-08T15:00", card: null }], past: [], held: null };

/** A page of a phone whose clock says `phone`; `days` that were asked for, and the day that is watched, which the test tells. */
function begin({ kept = {}, phone = NOW } = {}) {
  const clock = new ServerClock(() => phone);
  const world = { clock, asked: [], watched: null, mine: MINE, readings: null, client: null, store: null, told: [], slow: null };
  world.store = createStore({
    route: { name: "shop", shop: "garden", code: "", query: {} },
    chain: CHAIN, days: unread(), day: unread(), mine: unread(), gone: [], packs: {},
  });
  const reads = {
    chain: async () => CHAIN.value,
    days: async (asked) => {
      world.asked.push(asked);
      await world.slow;
      return { days: [{ day: asked.from, state: "free" }] };
    },
    mine: async () => world.mine,
    watchDay: (_, params, onChange) => {
      world.watched = params;
      world.told.push(onChange);
      return () => {};
    },
    watchMine: () => () => {},
  };
  const line = { kept: { get: async (name) => kept[name], put: async () => {} }, client: () => world.client };
  world.readings = new Readings({ store: world.store, reads, line, clock });
  return world;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("what this browser kept is shown until the server has answered, and never over its answer", async () => {
  const page = begin({ kept: { mine: { ...MINE, upcoming: [] } } });
  await page.readings.recall();
  assert.deepEqual(page.store.get().mine.value.upcoming, []);
  page.client = {};
  await page.readings.readMine();
  await page.readings.recall();
  assert.equal(page.store.get().mine.value.upcoming[0].code, "A2S4");
});

test("an appointment that was to come and that the shop has no more is gone; one that was cancelled or is over is not", async () => {
  const three = ["A2S4", "B3T5", "C4U6"].map((code, index) => ({ code, end: NOW + 1000 * index, card: null }));
  const page = begin({ kept: { mine: { ...MINE, upcoming: three } } });
  await page.readings.recall();
  page.client = {};
  page.mine = { ...MINE, upcoming: [], past: [three[1]] };
  await page.readings.readMine();
  assert.deepEqual(page.store.get().gone.map(({ code }) => code), ["C4U6"]);
  await page.readings.readMine();
  assert.deepEqual(page.store.get().gone.map(({ code }) => code), ["C4U6"], "until it is over");
  page.mine = { ...page.mine, upcoming: [three[2]] };
  await page.readings.readMine();
  assert.deepEqual(page.store.get().gone, []);
});

test("an answer that another one has overtaken changes nothing; one of a clock that was set back does", async () => {
  const page = begin();
  page.client = {};
  await page.readings.readMine();
  page.mine = { ...MINE, asOf: NOW - 500, upcoming: [] };
  await page.readings.readMine();
  assert.deepEqual([page.store.get().mine.value.upcoming.length, page.store.get().gone], [1, []]);
  page.mine = { ...MINE, asOf: NOW - 60_000, upcoming: [] };
  await page.readings.readMine();
  assert.equal(page.store.get().mine.value.upcoming.length, 0);
});

test("who moves an appointment sees the times of its own service, whatever the shop's usual one is", async () => {
  const page = begin();
  page.store.set({ route: { name: "move", shop: "garden", code: "A2S4", query: {} }, mine: { ...unread(), value: MINE } });
  await settled();
  assert.deepEqual([page.asked[0].service, page.watched.service], ["lenses", "lenses"]);
});

test("today is the shop's by the server's clock, also on a phone that is days behind", async () => {
  const page = begin({ phone: NOW - 5 * 86_400_000 });
  page.client = {};
  await page.readings.readMine();
  await settled();
  assert.equal(page.clock.now(), NOW);
  page.readings.show(page.store.get().route);
  assert.equal(page.asked.at(-1).from, "2026-12-04");
});

test("a day that comes late is not drawn as the one that is looked at now", async () => {
  const page = begin();
  const show = async (day) => {
    page.store.set({ route: { name: "time", shop: "garden", code: "", query: { day } } });
    await settled();
  };
  await show("2026-12-05");
  const [late] = page.told;
  await show("2026-12-06");
  late({ day: "2026-12-05", asOf: NOW, times: [] });
  page.client = {};
  page.store.set({ packs: {} });
  await settled();
  assert.equal(page.told.length, 3, "whoever has a client by now is told by it");
  assert.deepEqual([page.store.get().day.key, page.store.get().day.value], ["garden/exam/2026-12-06", null]);
});

test("a strip of days that comes late is not drawn as the one that is looked at now", async () => {
  const page = begin();
  const show = (from) => page.store.set({ route: { name: "time", shop: "garden", code: "", query: { from } } });
  let answer = () => {};
  page.slow = new Promise((resolve) => (answer = () => resolve(undefined)));
  show("2026-12-04");
  await settled();
  page.slow = null;
  show("2026-12-18");
  await settled();
  answer();
  await settled();
  assert.deepEqual([page.store.get().days.value.days.map(({ day }) => day), page.asked.length], [["2026-12-18"], 2]);
});

test("an info pack that could not be read is asked for again", async () => {
  const page = begin();
  const card = { conversation: "c", position: 4 };
  const pack = { content: { text: "Bring your glasses.", ref: { kind: "info_pack", id: "A2S4" } } };
  let fails = true;
  page.client = { call: { history: async () => {
    if (fails) throw new Error("cut");
    return { items: [pack] };
  } } };
  page.store.set({ route: { name: "booked", shop: "garden", code: "A2S4", query: {} }, mine: { ...unread(), value: { ...MINE, upcoming: [{ code: "A2S4", card }] } } });
  await settled();
  fails = false;
  page.store.set({ gone: [] });
  await settled();
  assert.deepEqual(page.store.get().packs, { A2S4: "Bring your glasses." });
});
