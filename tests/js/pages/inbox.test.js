/** The inbox that is open: what changed goes where the server would list it, and only who missed more reads all of it again. */

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { caughtUp, goesOn, isWorn, readAgain } from "../../../imserver/plugins/booking/pages/src/staff/inbox_now.js";
import { KeptStaff } from "../../../imserver/plugins/booking/pages/src/staff/kept.js";
import { InboxWatch } from "../../../imserver/plugins/booking/pages/src/staff/inbox_watch.js";

const NO_OLDER = { rows: [], next: null, state: "idle" };
const WHYS = ["alarm", "question", "unread"];

/** Numbers that look thrown, the same each time. @param {number} seed */
function dice(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

/** A shop's inbox as its server has it. */
class Shop {
  constructor(count, waiting = 0) {
    this.edition = 1;
    this.number = this.now = 0;
    /** @type {Map<string, any>} */
    this.rows = new Map();
    for (let one = 0; one < count; one += 1) this.change(one, one < waiting ? "unread" : null);
  }

  change(one, why, speaks = true) {
    const conversation = `group/${String(one).padStart(4, "0")}`;
    const before = this.rows.get(conversation) ?? { at: 0, since: null };
    this.now += 1;
    this.number += 1;
    const since = why === null ? null : (before.since ?? this.now);
    this.rows.set(conversation, { conversation, why, since, at: speaks ? this.now : before.at, number: this.number });
  }

  sorted(by) {
    return [...this.rows.values()].sort(by).map(({ number, ...row }) => row);
  }

  waiting() {
    const order = (one, other) => Number(other.why === "alarm") - Number(one.why === "alarm") || one.since - other.since;
    return this.sorted(order).filter(({ since }) => since !== null);
  }

  recent() {
    return this.sorted((one, other) => other.at - one.at).filter(({ since }) => since === null);
  }

  inbox() {
    const [waiting, recent] = [this.waiting(), this.recent()];
    return structuredClone({
      shop: "garden", asOf: this.now, edition: this.edition, number: this.number, waiting: waiting.slice(0, 200),
      moreWaiting: Math.max(0, waiting.length - 200), recent: recent.slice(0, 50), next: recent.length > 50 ? "more" : null,
    });
  }

  changes() {
    const latest = this.sorted((one, other) => other.number - one.number);
    const numbers = [...this.rows.values()].map(({ number }) => number).sort((one, other) => other - one);
    return structuredClone({
      shop: "garden", asOf: this.now, edition: this.edition, number: this.number, after: numbers[10] ?? 0,
      waiting: this.waiting().length, rows: latest.slice(0, 10),
    });
  }
}

for (const [conversations, waiting] of [[30, 3], [120, 20], [400, 230]]) {
  test(`random changes of ${conversations} conversations stand where the server lists them`, () => {
    const random = dice(conversations);
    const shop = new Shop(conversations, waiting);
    let listed = { inbox: shop.inbox(), older: NO_OLDER };
    let cut = listed.inbox.next === null ? null : listed.inbox.recent.at(-1);
    let whole = 0;
    for (let step = 0; step < 300; step += 1) {
      for (let more = random(3); more >= 0; more -= 1) {
        shop.change(random(conversations), random(2) ? WHYS[random(3)] : null, random(4) > 0);
      }
      const told = shop.changes();
      assert.ok(goesOn(listed.inbox, told));
      const before = new Set([...listed.inbox.waiting, ...listed.inbox.recent]);
      listed = caughtUp(listed, told, cut);
      if (isWorn(listed.inbox)) {
        whole += 1;
        listed = { inbox: shop.inbox(), older: NO_OLDER };
        cut = listed.inbox.next === null ? null : listed.inbox.recent.at(-1);
        continue;
      }
      const { inbox } = listed;
      const wait = shop.waiting();
      assert.deepEqual(inbox.waiting, wait.slice(0, inbox.waiting.length));
      assert.equal(inbox.waiting.length + inbox.moreWaiting, wait.length);
      assert.ok(inbox.moreWaiting === 0 || inbox.waiting.length >= 150);
      const here = shop.recent();
      assert.deepEqual(inbox.recent, here.slice(0, inbox.recent.length));
      assert.ok(cut !== null || inbox.recent.length === here.length);
      const drawn = [...inbox.waiting, ...inbox.recent].filter((row) => !before.has(row));
      assert.ok(drawn.length <= told.rows.length, "what did not change is the same object");
    }
    assert.ok(whole < 150, `read whole ${whole} times of 300`);
  });
}

test("where more wait than are listed, many are answered before it is read whole again", () => {
  const shop = new Shop(260, 230);
  let listed = { inbox: shop.inbox(), older: NO_OLDER };
  const cut = listed.inbox.recent.at(-1);
  for (let one = 0; one < 50; one += 1) {
    shop.change(one, null);
    listed = caughtUp(listed, shop.changes(), cut);
    assert.ok(!isWorn(listed.inbox), `after ${one + 1} answers`);
  }
  assert.deepEqual([listed.inbox.waiting.length, listed.inbox.moreWaiting], [150, 30]);
  shop.change(50, null);
  assert.ok(isWorn(caughtUp(listed, shop.changes(), cut).inbox));
});

test("who missed more than is told, or another edition, has to read all of it", () => {
  const shop = new Shop(40);
  const inbox = shop.inbox();
  for (let one = 0; one < 10; one += 1) shop.change(one, "unread");
  assert.ok(goesOn(inbox, shop.changes()));
  shop.change(10, "unread");
  assert.ok(!goesOn(inbox, shop.changes()));
  const now = shop.inbox();
  const late = shop.changes();
  shop.change(11, "unread");
  assert.ok(!goesOn(shop.inbox(), late), "what an inbox has overtaken would undo it");
  shop.edition += 1;
  assert.ok(!goesOn(now, shop.changes()));
});

test("what somebody has in sight further down is kept, and follows what changes there", () => {
  const shop = new Shop(120);
  const inbox = shop.inbox();
  const older = { rows: shop.recent().slice(50, 100), next: "more", state: "idle" };
  const low = older.rows[20].conversation;
  shop.change(Number(low.slice(6)), null, false);
  let listed = caughtUp({ inbox, older }, shop.changes(), inbox.recent[49]);
  assert.equal(listed.older.rows[20].conversation, low);
  assert.equal(listed.inbox.recent.length, 50);
  shop.change(Number(low.slice(6)), "alarm");
  listed = caughtUp(listed, shop.changes(), inbox.recent[49]);
  assert.deepEqual([listed.inbox.waiting[0].conversation, listed.older.rows.length], [low, 49]);
  for (let one = 0; one < 5; one += 1) shop.change(one, null);
  const again = readAgain(shop.inbox(), listed);
  assert.deepEqual(
    [...again.inbox.recent, ...again.older.rows].map(({ conversation }) => conversation).slice(0, 100),
    shop.recent().slice(0, 100).map(({ conversation }) => conversation),
  );
});

// -- kept new -----------------------------------------------------------------------------------------------------------------

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A page that has the inbox of `shop` open, and how often that was read. */
function open(shop, fails = false) {
  const page = { whole: 0, failed: 0, fails, listed: null, took: 0, told: () => {}, watch: null, reads: null };
  let wake = () => {};
  async function* changes() {
    for (;;) {
      const next = new Promise((resolve) => (wake = () => resolve(undefined)));
      yield [shop.here ? shop.changes() : null];
      await next;
    }
  }
  const client = {
    ask: async () => {
      page.whole += 1;
      if (page.fails) throw new TypeError("no network");
      const inbox = shop.here ? shop.inbox() : null;
      await page.reads;
      return [inbox];
    },
    watch: changes,
  };
  page.told = async () => {
    wake();
    for (let turn = 0; turn < 4; turn += 1) await settled();
  };
  page.watch = new InboxWatch(client, "garden", {
    listed: () => page.listed,
    took: (inbox, older) => {
      page.took += 1;
      page.listed = inbox === null ? null : { inbox, older: older ?? page.listed?.older ?? NO_OLDER };
    },
    failed: () => void (page.failed += 1),
  });
  return page;
}

test("a text costs one small answer; a crowd of them reads all again, once a second", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  const shop = Object.assign(new Shop(40), { here: true });
  const page = open(shop);
  await page.told();
  shop.change(3, "question");
  await page.told();
  assert.deepEqual([page.whole, page.listed.inbox.waiting[0].conversation], [1, "group/0003"]);
  for (let round = 0; round < 5; round += 1) {
    for (let one = 0; one < 12; one += 1) shop.change(one, "unread");
    await page.told();
    mock.timers.tick(100);
    await settled();
  }
  assert.equal(page.whole, 1, "not before a second is over");
  mock.timers.tick(1_000);
  await page.told();
  assert.equal(page.whole, 2);
  assert.equal(page.listed.inbox.waiting.length, 12);
  for (let one = 12; one < 24; one += 1) shop.change(one, "unread");
  let answer = () => {};
  page.reads = new Promise((resolve) => (answer = () => resolve(undefined)));
  await page.told();
  mock.timers.tick(1_000);
  shop.change(30, "alarm"); // told while all is read, and not in what is read
  await page.told();
  answer();
  await page.told();
  assert.deepEqual([page.whole, page.listed.inbox.waiting[0].conversation], [3, "group/0030"]);
  page.watch.stop();
});

test("what fails is tried again; who is no staff any more is told nothing, and again something when they are", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  const shop = Object.assign(new Shop(5), { here: true });
  const page = open(shop, true);
  await settled();
  mock.timers.tick(2_000);
  await settled();
  assert.deepEqual([page.failed, page.listed], [2, null]);
  page.fails = false;
  mock.timers.tick(2_000);
  await page.told();
  assert.equal(page.listed.inbox.recent.length, 5);
  shop.here = false;
  await page.told();
  assert.equal(page.listed, null);
  shop.here = true;
  await page.told();
  mock.timers.tick(1_000);
  await page.told();
  assert.equal(page.listed.inbox.recent.length, 5);
  page.watch.stop();
});

test("the inbox is kept every few seconds, the newest one; and not once nobody may see it any more", (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const [put, dropped] = [[], []];
  const kept = { put: async (name, value) => void put.push([name, value.number]), drop: async (prefix) => void dropped.push(prefix) };
  const staff = new KeptStaff(/** @type {any} */ ({ kept }), () => true);
  for (const number of [1, 2, 3]) staff.keep("inbox", { shop: "garden", number });
  mock.timers.tick(5_000);
  staff.keep("inbox", { shop: "garden", number: 4 });
  staff.forget();
  mock.timers.tick(5_000);
  assert.deepEqual([put, dropped], [[["staff:inbox:garden", 3]], ["staff:"]]);
});
