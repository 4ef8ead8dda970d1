/** Says on every screen that a link has signed another phone in: whoever did not make that link signs it out. */

import * as account from "../session.js";
import { c } from "./words.js";

/** While a link stands on the screen, it is asked so often whether somebody has come by it (ms). */
const ASK_MS = 4_000;

/** @param {{say: (text: string) => void}} page */
export function sayWhoJoins(page) {
  account.whenJoined((browsers) => {
    for (const { label } of browsers) page.say(c("other.joined", { name: label }));
  });
}

/** Ask while it matters. Returns what ends it. @param {() => void} onJoined */
export function watchJoining(onJoined) {
  const stop = account.whenJoined(onJoined);
  const timer = setInterval(() => void account.session().catch(() => null), ASK_MS);
  return () => {
    clearInterval(timer);
    stop();
  };
}
