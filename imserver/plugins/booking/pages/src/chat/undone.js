/** Something about this browser's account that did not work: why, and the same once more. No page tries such things by itself. */

import { Notice } from "../parts/notice.js";
import { html } from "../view.js";
import { t } from "../words/index.js";
import { CHAT, c } from "../words/chat.js";

/** @param {{title: string, code: string, onRetry: () => void}} props */
export const Undone = ({ title, code, onRetry }) => html`
  <${Notice} kind="bad" title=${title}>
    <p role="alert">${undoneWords(code)}</p>
    <button type="button" class="button" onClick=${onRetry}>${t("page.retry")}</button>
  <//>
`;

/** @param {string} code  What a request to the account failed with. */
export function undoneWords(code) {
  const key = `undone.${code}`;
  return c(key in CHAT ? /** @type {keyof typeof CHAT} */ (key) : "undone.other");
}

/** The code of what a request to the account failed with. @param {unknown} error */
export const codeOf = (error) => String(/** @type {{code?: unknown}} */ (error).code ?? "other");
