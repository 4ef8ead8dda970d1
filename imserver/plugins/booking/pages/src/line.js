/** The page's line to the server: the one place that makes the guest, owns the client, and knows how the connection is. */

import { awaited, part } from "./parts.js";
import { watchMine } from "./reads.js";
import * as account from "./session.js";
import { erase } from "./line/erase.js";
import { Kept } from "./line/kept.js";
import { Line } from "./line/line.js";
import { whenSeenAgain } from "./line/wake.js";

/** @import { LineState } from "./line/line.js" */
/** @import { Session } from "./line/remembered.js" */

/** As accounts name languages. */
const TAGS = /** @type {Record<string, string>} */ ({ zh: "zh-CN", en: "en" });

/**
 * The line of a page with this store: it keeps `line` and `session` in it.
 *
 * @param {{get: () => {language: string, route: {query: Readonly<Record<string, string>>}}, set: (patch: any) => void}} store
 */
export function createLine(store) {
  return openLine({
    onState: (line) => store.set({ line }),
    onSession: (session) => store.set({ session }),
    guest: () => {
      const { language, route } = store.get();
      return { language: TAGS[language] ?? language, ref: route.query.ref };
    },
  });
}

/**
 * A line for this page. It is quiet until `start` (who has an account), `enter` or `post` (which make a guest); only then is
 * the client loaded.
 *
 * @param {object} told
 * @param {(state: LineState) => void} told.onState
 * @param {(session: Session | null) => void} [told.onSession]  Who this browser is, whenever that changes.
 * @param {() => {language: string, ref?: string}} told.guest  What a new guest speaks, and which poster or link they came by.
 * @returns {Line}
 */
export function openLine({ onState, onSession = () => {}, guest }) {
  const line = new Line({
    account,
    watchMine,
    erase,
    importClient: () => awaited(() => part(() => import("./line/client.js"))),
    openKept: (userId) => Kept.open(userId),
    address: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket`,
    online: () => navigator.onLine,
    onState,
    onSession,
    guest,
  });
  whenSeenAgain(line);
  return line;
}
