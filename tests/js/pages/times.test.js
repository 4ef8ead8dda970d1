/** A time as a button: what a tap on it does, and does not. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Time } from "../../../imserver/plugins/booking/pages/src/parts/times.js";

const WALL = "2026-12-03T15:00";

/** What a tap takes, and whether the button says that it can be tapped. */
function tapped({ free = true, yours = false, taking = "", keeps = false }) {
  const taken = [];
  const button = Time({ time: { wall: WALL, at: 0, free }, yours, taking, keeps, onTake: (time) => taken.push(time.wall) });
  button.props.onClick();
  assert.equal(button.props["aria-disabled"], taken.length === 0);
  return taken;
}

test("a free time is taken by a tap; one that somebody has is not, nor a second one meanwhile", () => {
  assert.deepEqual(tapped({}), [WALL]);
  assert.deepEqual(tapped({ free: false }), []);
  assert.deepEqual(tapped({ taking: "2026-12-03T16:00" }), []);
});

test("one's own time goes on to the form; as the time that one moves away from it is no choice", () => {
  assert.deepEqual(tapped({ free: false, yours: true }), [WALL]);
  assert.deepEqual(tapped({ yours: true, keeps: true }), []);
});
