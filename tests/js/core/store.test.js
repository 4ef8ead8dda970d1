/** What the application kept itself overrules the store, but for what it has not heard yet. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { adopt } from "../../../clients/js/src/core/store.js";

const NOTICE = { conversationId: "c", replaced: true, agreed: 4, forgotten: false, gone: [], pending: false };

/** Where a client begins that has stored 3 of 20 and a notice, and whose application is done with 9. */
function begins(notice) {
  const saved = {
    positions: new Map([["c", { have: 3, handed: 3, knownHead: 20 }]]),
    notices: new Map(notice === null ? [] : [["c", { ...NOTICE, ...notice }]]),
  };
  adopt(saved, { c: 9 });
  return saved.positions.get("c");
}

for (const [what, notice, have] of [
  ["of no replaced history", null, 9],
  ["of a history that is another one above what is agreed", {}, 4],
  ["of a history that is another one", { agreed: null }, 0],
  ["of a conversation that is gone", { replaced: false, forgotten: true }, 0],
  ["of one whose end is not told", { forgotten: true, pending: true }, 9],
  ["of one of which only posts are gone", { replaced: false }, 9],
]) {
  test(`positions that the application kept, ${what}`, () => {
    assert.deepEqual(begins(notice), { have, handed: 0, knownHead: 20 });
  });
}
