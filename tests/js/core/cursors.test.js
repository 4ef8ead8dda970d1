/** A report whose session is lost is made again in the next one. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Receipts } from "../../../clients/js/src/core/cursors.js";
import { SessionLost } from "../../../clients/js/src/core/requests.js";

test("a report whose session is lost is made again", { timeout: 10_000 }, async () => {
  const asked = [];
  const over = Promise.withResolvers();
  const requests = {
    whenReleased: async () => {},
    call: async (method, params) => {
      asked.push(params);
      if (asked.length === 1) throw new SessionLost();
      over.resolve();
    },
  };
  const receipts = new Receipts(requests, { sleep: async () => {} }, 1, () => false, (work) => work.catch(over.reject));
  receipts.delivered("c", 3);
  await over.promise;
  assert.deepEqual(asked, [["c", 3, null], ["c", 3, null]]);
});
