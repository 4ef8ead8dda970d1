/** Where the line has ended: why, and the one act that helps. (What passes by itself stands in the strip of every screen.) */

import { Notice } from "../parts/notice.js";
import { html } from "../view.js";
import { c, wordsOf } from "../words/chat.js";

/** @import { Line } from "../line/line.js" */

/** @param {{line: Line, page: import("../page.js").Page}} props */
export function LineNotice({ line, page }) {
  const { state, code, act } = line.state;
  if (state !== "stopped") return null;
  return html`
    <${Notice} kind="bad" title=${c("stopped.title")}>
      <p>${wordsOf("stopped", code)}</p>
      <button type="button" class="button main" onClick=${() => page.mend(act)}>${c(`stopped.${act ?? "reload"}`)}</button>
    <//>
  `;
}
