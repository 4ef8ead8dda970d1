/** Dates and times in words, in the shop's zone wherever the phone is. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  dayAt, daysAhead, longDay, numberOf, otherZone, plusDays, shortDay, stripOf, timeOf, weekdayOf,
} from "../../../imserver/plugins/booking/pages/src/dates.js";

const WALL = "2026-12-03T15:00";

test("a wall time is said as it is, in both languages", () => {
  assert.equal(longDay(WALL, "zh"), "12月3日 星期四");
  assert.equal(longDay(WALL, "en"), "Thursday 3 December");
  assert.equal(shortDay(WALL, "zh"), "12月3日 周四");
  assert.equal(shortDay(WALL, "en"), "Thu 3 Dec");
  assert.equal(weekdayOf("2026-12-06", "zh"), "周日");
  assert.equal(timeOf(WALL), "15:00");
  assert.equal(numberOf(WALL), "3");
});

test("today is the shop's, also when the phone's is another day", () => {
  const late = Date.parse("2026-12-02T17:30Z"); // 01:30 of the 3rd in Shanghai
  assert.equal(dayAt(late, "Asia/Shanghai"), "2026-12-03");
  assert.equal(dayAt(late, "America/New_York"), "2026-12-02");
  assert.equal(daysAhead(WALL, late, "Asia/Shanghai"), 0);
  assert.equal(daysAhead("2026-12-03T09:00", late, "Asia/Shanghai"), 0, "whatever the time of day");
  assert.equal(daysAhead("2026-12-04", late, "Asia/Shanghai"), 1);
  assert.equal(daysAhead("2026-12-01", late, "Asia/Shanghai"), -2);
});

test("days are counted over months, years and changes of the clock", () => {
  assert.equal(plusDays("2026-12-31", 1), "2027-01-01");
  assert.equal(plusDays("2028-03-01", -1), "2028-02-29");
  assert.equal(daysAhead("2026-03-30", Date.parse("2026-03-28T12:00Z"), "Europe/Berlin"), 2);
});

test("another zone is named, with what the phone's clock shows; one with the same clock is not", () => {
  const at = Date.parse("2026-12-03T07:00Z");
  assert.deepEqual(otherZone(at, "Asia/Shanghai", "en", "Europe/Berlin"), { name: "China Standard Time", here: "Thu 3 Dec 08:00" });
  assert.equal(otherZone(at, "Asia/Shanghai", "zh", "America/New_York")?.name, "中国标准时间");
  assert.equal(otherZone(at, "Asia/Shanghai", "en", "Asia/Singapore"), null);
  assert.equal(otherZone(at, "Asia/Shanghai", "en", "Asia/Shanghai"), null);
  assert.equal(otherZone(at, "Pacific/Kiritimati", "en", "Pacific/Honolulu")?.here, "Wed 2 Dec 21:00", "the same hour of another day");
  const zone = process.env.TZ;
  process.env.TZ = "Europe/Berlin";
  assert.equal(otherZone(at, "Asia/Shanghai", "en")?.here, "Thu 3 Dec 08:00", "the phone's own");
  process.env.TZ = "Asia/Singapore";
  assert.equal(otherZone(at, "Asia/Shanghai", "en"), null);
  assert.equal(longDay("2026-12-03T07:30", "en"), "Thursday 3 December", "the shop's, east of Greenwich, too");
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

test("a zone that the browser does not know breaks nothing", () => {
  assert.match(dayAt(Date.parse("2026-12-03T07:00Z"), "Mars/Olympus"), /^2026-12-0[234]$/);
});

test("the strips of days go on to the horizon and end there", () => {
  const now = Date.parse("2026-12-01T02:10Z");
  const strip = (/** @type {string} */ day, horizonDays = 30) => Object.values(stripOf(day, now, { zone: "Asia/Shanghai", horizonDays }));
  assert.deepEqual(strip(""), ["2026-12-01", 14, null, "2026-12-15"]);
  assert.deepEqual(strip("2026-12-24"), ["2026-12-15", 14, "2026-12-01", "2026-12-29"]);
  assert.deepEqual(strip("2026-12-29"), ["2026-12-29", 3, "2026-12-15", null]);
  assert.deepEqual(strip("2027-12-29"), strip("2026-12-29"), "beyond the horizon");
  for (const day of ["2026-11-01", "tomorrow", "2026-99-99"]) assert.deepEqual(strip(day), strip(""));
  assert.deepEqual(strip("", 6), ["2026-12-01", 7, null, null]);
  assert.deepEqual(strip("2026-12-29", 28), ["2026-12-29", 1, "2026-12-15", null], "the last day, which begins a strip");
});
