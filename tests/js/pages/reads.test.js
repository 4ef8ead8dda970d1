/** What the page reads: a day as the screens want it, asked again when it is to be, and never by the phone's clock. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { ReadError, chain, day, days, mine, watchDay, watchMine } from "../../../imserver/plugins/booking/pages/src/reads.js";

const AT = 1_795_000_000_000;
const WHOLE = {
  shop: "garden", day: "2026-11-20", zone: "Asia/Shanghai", asOf: AT, until: AT + 60_000, services: ["exam", "fit"],
  starts: [[600, AT + 1000, "10"], [615, AT + 2000, "0-"], [1230, AT + 3000, "-1"]],
};
const PARAMS = { shop: "garden", service: "exam", day: "2026-11-20" };
const tick = async () => {
  for (let round = 0; round < 20; round += 1) await Promise.resolve();
};

/** @type {string[]} */
let asked;
/** @type {Record<string, any>} */
let answers;
const realFetch = globalThis.fetch;

beforeEach(() => {
  asked = [];
  answers = { chain: { shops: [] }, day: WHOLE, days: { days: [] } };
  globalThis.fetch = async (address) => {
    asked.push(String(address));
    const name = String(address).split("/").at(-1).split("?")[0];
    const answer = answers[name];
    if (answer instanceof Error) throw answer;
    if (answer.status) {
      const headers = { "retry-after": "3" };
      return new Response(JSON.stringify(answer.body), { status: answer.status, headers });
    }
    return new Response(JSON.stringify(answer));
  };
});

afterEach(() => {
  globalThis.fetch = realFetch;
  delete globalThis.document;
  mock.timers.reset();
});

/** A client whose method answers what a test says, again whenever it says so. */
class Client {
  constructor(first) {
    this.now = first;
    this.asked = [];
    this.left = 0;
    this.waiting = [];
    this.fails = 0;
  }

  async ask(method, params) {
    this.asked.push([method, ...params]);
    return [this.now];
  }

  watch(method, params) {
    const client = this;
    if (client.fails > 0) {
      client.fails -= 1;
      throw new Error("not now");
    }
    let due = true;
    let over = false;
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      async next() {
        while (!due && !over) await new Promise((resolve) => client.waiting.push(resolve));
        if (over) return { done: true, value: undefined };
        due = false;
        client.asked.push(["watch", method, ...params]);
        client.due = () => {
          due = true;
          client.waiting.splice(0).forEach((one) => one());
        };
        return { done: false, value: [client.now] };
      },
      async return() {
        over = true;
        client.left += 1;
        client.waiting.splice(0).forEach((one) => one());
        return { done: true, value: undefined };
      },
    };
  }

  async says(told) {
    this.now = told;
    this.due();
    await tick();
  }
}

test("a day has the times of one service, as the shop's clock and as moments", async () => {
  assert.deepEqual(await day(PARAMS), {
    day: "2026-11-20", zone: "Asia/Shanghai", asOf: AT, next: null,
    times: [{ wall: "2026-11-20T10:00", at: AT + 1000, free: true }, { wall: "2026-11-20T10:15", at: AT + 2000, free: false }],
  });
  const fit = await day({ ...PARAMS, service: "fit" });
  assert.deepEqual(fit.times.map((one) => [one.wall.slice(11), one.free]), [["10:00", false], ["20:30", true]]);
  assert.deepEqual((await day({ ...PARAMS, service: "gone" })).times, []);
  assert.equal(asked[0], "/x/booking/day?shop=garden&day=2026-11-20");
});

test("a full day names the next one that has a free time, and goes without if that cannot be read", async () => {
  answers.day = { ...WHOLE, day: "2026-12-31", starts: [[600, AT, "00"]] };
  answers.days = { days: [{ day: "2026-12-31", state: "free" }, { day: "2027-01-01", state: "closed" }, { day: "2027-01-02", state: "few" }] };
  assert.equal((await day(PARAMS)).next, "2027-01-02");
  assert.equal(asked.at(-1), "/x/booking/days?shop=garden&service=exam&from=2027-01-01&count=14");
  answers.days = new TypeError("fetch failed");
  assert.equal((await day(PARAMS)).next, null);
});

test("what fails has a code, words, and when to come again", async () => {
  answers.chain = new TypeError("fetch failed");
  await assert.rejects(chain(), (error) => error instanceof ReadError && error.code === "OFFLINE");
  answers.days = { status: 429, body: { error: "too many", code: "RATE_LIMITED" } };
  await assert.rejects(days({ shop: "garden", service: "exam" }), { code: "RATE_LIMITED", message: "too many", retryAfterMs: 3000 });
  answers.day = { status: 502, body: "<html>" };
  await assert.rejects(day(PARAMS), { code: "HTTP_502" });
});

test("without a client a day is asked for every two seconds, told when it is another, and not while the page is hidden", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {any} */ (globalThis).document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const heard = [];
  const stop = watchDay(null, PARAMS, (told) => heard.push(told.times[0].free));
  await tick();
  assert.deepEqual([asked.length, heard], [1, [true]]);
  answers.day = { ...WHOLE, asOf: AT + 2000 };
  mock.timers.tick(2000);
  await tick();
  assert.deepEqual([asked.length, heard], [2, [true]], "the same is not told again");
  answers.day = { ...WHOLE, starts: [[600, AT + 1000, "00"], [615, AT + 2000, "10"]] };
  mock.timers.tick(2000);
  await tick();
  assert.deepEqual(heard, [true, false]);
  globalThis.document.visibilityState = "hidden";
  const before = asked.length;
  for (let round = 0; round < 5; round += 1) {
    mock.timers.tick(2000);
    await tick();
  }
  assert.equal(asked.length, before);
  globalThis.document.visibilityState = "visible";
  globalThis.document.dispatchEvent(new Event("visibilitychange"));
  await tick();
  assert.equal(asked.length, before + 1);
  stop();
  globalThis.document.dispatchEvent(new Event("visibilitychange"));
  mock.timers.tick(10_000);
  await tick();
  assert.equal(asked.length, before + 1, "ended");
});

test("a poll that fails says so, comes again as late as it is told, and then goes on", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const heard = [];
  const errors = [];
  answers.day = { status: 429, body: { error: "too many", code: "RATE_LIMITED" } };
  const stop = watchDay(null, PARAMS, (told) => heard.push(told), (error) => errors.push(error.code));
  await tick();
  answers.day = WHOLE;
  mock.timers.tick(2000);
  await tick();
  assert.deepEqual([errors, heard.length], [["RATE_LIMITED"], 0]);
  mock.timers.tick(1000);
  await tick();
  assert.equal(heard.length, 1);
  answers.day = new TypeError("fetch failed");
  mock.timers.tick(2000);
  await tick();
  answers.day = WHOLE;
  mock.timers.tick(2000);
  await tick();
  assert.deepEqual([errors.at(-1), heard.length], ["OFFLINE", 2], "the same answer ends what failed");
  stop();
});

test("with a client a day is told when the server says it is another, and asked again when the answer passes by itself", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: AT - 86_400_000 }); // the phone is a day behind
  const client = new Client(WHOLE);
  const heard = [];
  const stop = watchDay(client, PARAMS, (told) => heard.push(told.times.map((one) => one.free)));
  await tick();
  await client.says({ ...WHOLE, starts: [[600, AT + 1000, "00"], [615, AT + 2000, "10"]] });
  assert.deepEqual(heard, [[true, false], [false, true]]);
  client.now = { ...WHOLE, until: null, starts: [[615, AT + 2000, "10"]] };
  mock.timers.tick(59_000);
  await tick();
  assert.equal(heard.length, 2);
  mock.timers.tick(1001);
  await tick();
  assert.deepEqual(heard[2], [true]);
  assert.deepEqual(client.asked, [
    ["watch", "x-booking.day", "garden", "2026-11-20"], ["watch", "x-booking.day", "garden", "2026-11-20"],
    ["x-booking.day", "garden", "2026-11-20"],
  ]);
  stop();
  await tick();
  assert.equal(client.left, 1);
  assert.equal(asked.length, 0, "nothing over HTTP");
});

test("what is one's own is told as it is, and a watch that fails begins again", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const first = { asOf: AT, until: null, held: null, upcoming: [] };
  const client = new Client(first);
  assert.deepEqual(await mine(client), first);
  client.fails = 1;
  const heard = [];
  const errors = [];
  const stop = watchMine(client, (told) => heard.push(told), (error) => errors.push(error.message));
  await tick();
  assert.deepEqual([heard, errors], [[], ["not now"]]);
  mock.timers.tick(2000);
  await tick();
  assert.deepEqual(heard, [first]);
  await client.says({ ...first, held: { code: "A2S4" } });
  assert.equal(heard[1].held.code, "A2S4");
  stop();
});
