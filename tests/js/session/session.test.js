/** A session that is resumed: the limits of the newest WELCOME hold, for what is asked from then on. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Session } from "../../../clients/js/src/session/session.js";
import { DEFAULT_LIMITS } from "../../../clients/js/src/wire/limits.js";

const TOKEN = new Uint8Array(16);

test("a resume may bring more room in the window, or less", () => {
  const limits = { ...DEFAULT_LIMITS, maxRequests: 2 };
  const session = new Session({ sessionId: "s", userId: "ann", resumeToken: TOKEN, limits });
  const asked = () => session.request("sync", [null]);
  assert.deepEqual([asked(), asked(), asked()], [1, 2, null]);
  session.attach(0, TOKEN, { ...limits, maxRequests: 3 });
  assert.deepEqual([asked(), asked()], [3, null]);
  session.attach(0, TOKEN, { ...limits, maxRequests: 1 });
  session.queue.takeUnsent();
  session.acked(3);
  session.answered(1);
  session.answered(2);
  assert.equal(asked(), null, "the third is still open");
  session.answered(3);
  assert.equal(asked(), 4);
});
