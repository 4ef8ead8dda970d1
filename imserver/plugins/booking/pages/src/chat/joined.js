/** Notices on the first device that another phone came by its link: while the link stands there, it is asked often. */

import * as account from "../session.js";

/** So often (ms). */
const ASK_MS = 4_000;

/** Returns what ends it. @param {() => void} onJoined */
export function watchJoining(onJoined) {
  const stop = account.whenJoined(onJoined);
  const timer = setInterval(() => void account.session().catch(() => null), ASK_MS);
  return () => {
    clearInterval(timer);
    stop();
  };
}
