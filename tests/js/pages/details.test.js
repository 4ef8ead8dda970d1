/** The form as data: what is asked, what is missing, the command, and what the shop understood otherwise. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  MAX_NAME, askedOf, command, differences, expected, faults, known, yesTo,
} from "../../../imserver/plugins/booking/pages/src/screens/details.js";

/** @type {any} */
const SHOP = { id: "garden", services: [], consent: { version: "2", text: { zh: "", en: "" } } };
/** @type {any} */
const EXAM = { asksAge: true, asksFirstVisit: true };
const SEEN = { service: "exam", minutes: 40, wall: "2026-12-03T15:00" };
/** @param {any} [patch] @returns {any} */
const held = (patch = {}) => ({ ...SEEN, facts: { name: "", age: "", firstVisit: null, person: "", ...patch } });
/** @param {any} [patch] @returns {any} */
const mine = (patch = {}) => ({ known: { name: "", age: "", language: "", consent: {}, ...patch } });
const FULL = { name: "Ann Lee", age: "adult", firstVisit: /** @type {const} */ ("no"), consent: true };

test("it asks what the service needs, and for consent until this version of the text has it", () => {
  assert.deepEqual(askedOf(SHOP, EXAM, null), ["name", "age", "first", "consent"]);
  assert.deepEqual(askedOf(SHOP, EXAM, mine({ consent: { garden: "1" } })), ["name", "age", "first", "consent"]);
  assert.deepEqual(askedOf(SHOP, EXAM, mine({ consent: { garden: "2" } })), ["name", "age", "first"]);
  assert.deepEqual(askedOf({ ...SHOP, consent: null }, { ...EXAM, asksAge: false, asksFirstVisit: false }, null), ["name"]);
});

test("nothing about a person is chosen beforehand; what is known is filled in; consent never is", () => {
  assert.deepEqual(known(held(), mine()), { name: "", age: "", firstVisit: "", consent: false });
  assert.deepEqual(known(held(), mine({ name: "Ann", age: "adult" })), { name: "Ann", age: "adult", firstVisit: "", consent: false });
  assert.deepEqual(known(held({ name: "Bo", firstVisit: false }), mine({ name: "Ann" })), { name: "Bo", age: "", firstVisit: "no", consent: false });
});

test("each field has its own fault, in the order in which they are asked", () => {
  const empty = { name: " \u200b ".trim() && " ", age: "", firstVisit: /** @type {const} */ (""), consent: false };
  assert.deepEqual([...faults(empty, askedOf(SHOP, EXAM, null))], [
    ["name", "error.name"], ["age", "error.age"], ["first", "error.first"], ["consent", "error.consent"],
  ]);
  assert.deepEqual([...faults(empty, ["name"])], [["name", "error.name"]]);
  assert.deepEqual([...faults({ ...FULL, name: "x".repeat(10_000) }, ["name", "age"])], [["name", "error.name_long"]]);
  assert.equal(faults({ ...FULL, name: "𠮷".repeat(MAX_NAME) }, ["name"]).size, 0);
});

test("a name is one line of the command, whatever was pasted", () => {
  const pasted = { ...FULL, name: "Ann\nage: child\r\n/cancel\u2028first visit: yes\u0000" };
  assert.deepEqual(command(pasted, ["name", "age", "first", "consent"], SHOP).split(/\r\n|[\n\r\u2028\u2029]/), [
    "/details", "name: Ann age: child /cancel first visit: yes", "age: adult", "first visit: no", "consent: 2",
  ]);
  assert.equal(command(FULL, ["name"], SHOP), "/details\nname: Ann Lee");
});

test("the form says yes to what the screen shows, in words of the server, and not to an older server", () => {
  const yes = yesTo(held({}), { ...SEEN, minutes: 30 });
  assert.equal(yes, "");
  const told = yesTo({ ...held({}), formYes: "A7K2 v3" }, { ...SEEN, service: "child-exam", minutes: 60 });
  assert.equal(told, "A7K2 v3 child-exam 60 2026-12-03 15:00");
  assert.deepEqual(command(FULL, ["name"], SHOP, told).split("\n").slice(-1), [`yes: ${told}`]);
});

test("what the shop understood otherwise is found, field by field", () => {
  const asked = askedOf(SHOP, EXAM, null);
  assert.deepEqual(differences(FULL, asked, held({ name: "Ann Lee", age: "adult", firstVisit: false }), SEEN), []);
  assert.deepEqual(differences(FULL, asked, held({ name: "Anne Lee", age: "child", firstVisit: null }), SEEN), ["name", "age", "first"]);
  assert.deepEqual(differences(FULL, ["name"], held({ name: "Ann Lee", age: "child" }), SEEN), []);
});

test("a visit that the shop has fitted to the person, and another time, are not what the screen said", () => {
  const exact = held({ name: "Ann Lee", age: "adult", firstVisit: false });
  const parts = (/** @type {any} */ patch) => differences(FULL, ["name", "age", "first"], { ...exact, ...patch }, SEEN);
  assert.deepEqual(parts({ service: "child-exam" }), ["visit"]);
  assert.deepEqual(parts({ minutes: 30 }), ["visit"]);
  assert.deepEqual(parts({ wall: "2026-12-03T15:30" }), ["when"]);
  assert.deepEqual(parts({}), []);
});

test("the screen says what an age makes of the visit, and another age undoes it", () => {
  const fits = { adult: { service: "exam", first: 30, later: 20 }, child: { service: "child-exam", first: 60, later: 45 } };
  /** @type {any} */
  const shop = { ...SHOP, services: [{ id: "exam", asksFirstVisit: true, fits }, { id: "child-exam", asksFirstVisit: true }] };
  const says = (/** @type {any} */ one, /** @type {any} */ draft) => Object.values(expected(shop, { confirm: null, code: "A", ...one }, { ...FULL, ...draft }));
  const tapped = held();
  assert.deepEqual(says(tapped, { age: "" }), ["exam", 40, SEEN.wall]);
  assert.deepEqual(says(tapped, { age: "child", firstVisit: "" }), ["child-exam", 60, SEEN.wall]);
  assert.deepEqual(says(tapped, { firstVisit: "no" }), ["exam", 20, SEEN.wall]);
  assert.deepEqual(says(held({ age: "child" }), { age: "child", firstVisit: "yes" }), ["child-exam", 60, SEEN.wall], "an age that the shop knows, and has fitted nothing to yet");
  const childs = { ...held({ age: "child" }), service: "child-exam", minutes: 60 };
  assert.deepEqual(says(childs, { age: "adult", firstVisit: "yes" }), ["exam", 30, SEEN.wall]);
  const told = { ...held({ age: "adult" }), minutes: 35, confirm: "/yes" };
  assert.deepEqual(says(told, {}), ["exam", 35, SEEN.wall], "what the shop has said counts");
  assert.deepEqual(askedOf(shop, shop.services[1], null).includes("age"), true);
});
