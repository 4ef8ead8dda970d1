/** The server's clock on a phone whose own is wrong, and what countdowns show. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ServerClock, minutesAndSeconds } from "../../../imserver/plugins/booking/pages/src/clock.js";

const DAY = 86_400_000;

test("a countdown goes by the server's clock, on a phone that is a day behind or ahead", () => {
  for (const wrong of [0, -DAY, DAY]) {
    let phone = 1_000_000_000_000 + wrong;
    const clock = new ServerClock(() => phone);
    clock.saw(1_000_000_000_000 - 300); // the answer took 300 ms
    clock.saw(1_000_000_000_000 - 20);
    clock.saw(1_000_000_000_000 - 1900); // a slow one says less
    assert.equal(clock.secondsTo(1_000_000_180_000), 181);
    phone += 60_000;
    assert.equal(clock.secondsTo(1_000_000_180_000), 121);
    phone += 3_600_000; // it slept
    assert.equal(clock.secondsTo(1_000_000_180_000), 0);
  }
});

test("a phone whose clock is set while the page is open is right with the next answer", () => {
  let phone = 1_000_000_000_000;
  const clock = new ServerClock(() => phone);
  clock.saw(phone);
  phone -= DAY;
  clock.saw(1_000_000_000_000);
  assert.equal(clock.now(), 1_000_000_000_000);
});

test("minutes and seconds", () => {
  assert.deepEqual([180, 125, 60, 9, 0].map(minutesAndSeconds), ["3:00", "2:05", "1:00", "0:09", "0:00"]);
});
