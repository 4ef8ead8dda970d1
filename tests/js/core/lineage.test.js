/** A place stands for what moved until a whole listing covers it: its first page alone vouches for nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Lineage } from "../../../clients/js/src/core/lineage.js";

/** A lineage in whose session of place p "c" moved, and which asks for a listing. */
function listing() {
  const lineage = new Lineage();
  lineage.begin("p", null, false);
  lineage.syncAsked();
  lineage.syncAnswered(false);
  lineage.moved("c");
  lineage.syncAsked();
  return lineage;
}

const placeOf = (lineage) => lineage.trails.get("c")?.place ?? null;

test("the first page of a listing leaves it dirty", () => {
  const lineage = listing();
  lineage.syncAnswered(true);
  assert.equal(placeOf(lineage), "p");
});

test("a listing that is whole covers it", () => {
  const lineage = listing();
  lineage.syncAnswered(false);
  assert.equal(placeOf(lineage), null);
});

test("what moved while the page was under way is not covered", () => {
  const lineage = listing();
  lineage.moved("c");
  lineage.syncAnswered(false);
  assert.equal(placeOf(lineage), "p");
});
