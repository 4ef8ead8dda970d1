/** When a bare ACK is due: behind so many frames, so many bytes, or so long after the first of them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ReceiveWindow } from "../../../clients/js/src/session/window.js";

test("an ack is due after 32 frames, after 64 KiB, and 100 ms behind the first frame", () => {
  for (const [bytes, before] of [[10, 31], [16 * 1024, 3], [64 * 1024, 0], [64 * 1024 - 1, 1]]) {
    const window = new ReceiveWindow();
    // The second round begins with nothing, whatever the first one had.
    for (let round = 0; round < 2; round += 1) {
      assert.equal(window.dueAt, null);
      for (let frame = 0; frame < before; frame += 1) {
        window.took(bytes, 1000 + frame);
        assert.equal(window.nowDue, false, `${frame + 1} frames of ${bytes} bytes`);
      }
      window.took(bytes, 1000 + before);
      assert.equal(window.nowDue, true, `${before + 1} frames of ${bytes} bytes`);
      assert.equal(window.dueAt, 1100);
      window.told();
      assert.equal(window.nowDue, false);
    }
    assert.equal(window.seq, 2 * (before + 1));
  }
});
