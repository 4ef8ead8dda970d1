/** A client in a hurry: the next attempt at once, and a silent connection is doubted sooner. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeCore } from "../../../clients/js/src/client.js";
import { MACHINE } from "../../../clients/js/src/environment.js";

/** A client without a network, on a clock that the test turns. */
function world() {
  let now = 0;
  const timers = new Set();
  const attempts = [];
  let silent = false;
  const environment = {
    ...MACHINE,
    now: () => now,
    setTimer: (run, ms) => {
      const timer = { run, at: now + ms };
      timers.add(timer);
      return timer;
    },
    clearTimer: (timer) => timers.delete(timer),
    uniform: (_, most) => most,
  };
  const core = makeCore({
    address: "wss://shop.test/socket",
    token: "t",
    timeoutMs: null,
    environment,
    transport: async () => {
      attempts.push(now);
      if (silent) await new Promise(() => {});
      throw new Error("no network");
    },
  });
  const turn = async (ms) => {
    now += ms;
    for (const timer of [...timers].filter(({ at }) => at <= now)) {
      timers.delete(timer);
      timer.run();
    }
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { core, attempts, turn, silence: () => void (silent = true) };
}

test("the next attempt comes at once, and not more than once a second however often one hurries", async () => {
  const { core, attempts, turn } = world();
  core.open().catch(() => {});
  await turn(0);
  for (const ms of [500, 1000, 2000, 4000]) await turn(ms); // each wait is twice the one before: the next is 8 s
  assert.equal(attempts.length, 5);
  await turn(2000);
  core.link.hurry();
  await turn(0);
  assert.equal(attempts.length, 6);
  for (let again = 0; again < 10; again += 1) core.link.hurry();
  await turn(999);
  assert.equal(attempts.length, 6);
  await turn(1);
  assert.equal(attempts.length, 7);
  await core.abort();
});

test("who hurries during an attempt, which began on the network before, does not wait long for the next one", async () => {
  const { core, attempts, turn, silence } = world();
  core.open().catch(() => {});
  await turn(0);
  for (const ms of [500, 1000, 2000]) await turn(ms);
  silence(); // as on a network that swallows everything: the attempt ends by its time-out
  await turn(4000);
  assert.equal(attempts.length, 5);
  core.link.hurry();
  await turn(10_000);
  await turn(1000);
  assert.equal(attempts.length, 6);
  await core.abort();
});
