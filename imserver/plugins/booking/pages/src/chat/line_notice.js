/** How the line is, where it is not well and what helps: an end with its one act, and notices that one reads once. */

import { Notice } from "../parts/notice.js";
import { html } from "../view.js";
import { c, wordsOf } from "./words.js";

/** @import { Line } from "../line/line.js" */

/** @param {{line: Line, state: import("../shapes.js").PageState, page: import("../page.js").Page}} props */
export function LineNotice({ line, state: _, page }) {
  const { state, code, act, notice } = line.state;
  const acts = { reload: () => page.reload(), begin: () => line.begin(), here: () => line.takeOver() };
  return html`
    ${notice !== null && html`
      <${Notice} kind=${notice === "REPLACED" ? "bad" : "plain"}>
        <p>${wordsOf("notice", notice)}</p>
        <button type="button" class="button plain" onClick=${() => line.dismiss()}>${c("notice.read")}</button>
      <//>`}
    ${state === "stopped" && act !== null && html`
      <${Notice} kind="bad" title=${c("stopped.title")}>
        <p>${wordsOf("stopped", code)}</p>
        <button type="button" class="button main" onClick=${acts[act]}>${c(`stopped.${act}`)}</button>
      <//>`}
  `;
}
