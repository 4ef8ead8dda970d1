/** When a page may have missed something: it was away (back/forward cache, sleep, another tab), or the network changed. */

/** @import { Line } from "./line.js" */

import { whenRememberedElsewhere } from "./remembered.js";

/** @param {Line} line */
export function whenSeenAgain(line) {
  // A page in the back/forward cache is frozen with everything that it holds. If it held the lead, no other tab would have one.
  addEventListener("pagehide", ({ persisted }) => void (persisted && line.pause()));
  addEventListener("pageshow", ({ persisted }) => void (persisted && line.resume()));
  addEventListener("online", () => line.wake());
  addEventListener("offline", () => line.wake());
  document.addEventListener("visibilitychange", () => void (document.visibilityState === "visible" && line.wake()));
  document.addEventListener("resume", () => line.wake());
  whenRememberedElsewhere((userId) => line.became(userId));
}
