/** How the line is, where it is not well and what helps: that it waits, an end with its one act, and notices that one reads once. */

import { Icon } from "../parts/icon.js";
import { Notice } from "../parts/notice.js";
import { html } from "../view.js";
import { t } from "../words/index.js";
import { c, wordsOf } from "./words.js";

/** @import { Line } from "../line/line.js" */

/** @param {{line: Line, state: import("../shapes.js").PageState, page: import("../page.js").Page}} props */
export function LineNotice({ line, state: { reachable }, page }) {
  const { state, code, act, notice } = line.state;
  const acts = { reload: () => page.reload(), begin: () => line.begin(), here: () => line.takeOver() };
  return html`
    ${state !== "stopped" && (!reachable || state === "waiting") && html`
      <div class="strip line" role="status"><${Icon} name="cut" />${t(reachable ? "line.waiting" : "line.offline")}</div>`}
    ${notice !== null && html`
      <${Notice} kind=${notice === "REPLACED" ? "bad" : "plain"}>
        <p>${wordsOf("notice", notice)}</p>
        <button type="button" class="button" onClick=${() => line.dismiss()}>${c("notice.read")}</button>
      <//>`}
    ${state === "stopped" && act !== null && html`
      <${Notice} kind="bad" title=${c("stopped.title")}>
        <p>${wordsOf("stopped", code)}</p>
        <button type="button" class="button main" onClick=${acts[act]}>${c(`stopped.${act}`)}</button>
      <//>`}
  `;
}
