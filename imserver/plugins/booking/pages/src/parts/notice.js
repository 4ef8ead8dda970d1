/** Words for a state, with the one thing to do about it: waiting, empty, failed. */

import { awaitsServer } from "../acts.js";
import { html, useEffect, useRef } from "../view.js";
import { hasWords, t } from "../words/index.js";
import { Icon } from "./icon.js";
import { Lines } from "./lines.js";

/** @typedef {import("./icon.js").IconName} IconName */
/** @typedef {import("../shapes.js").PageState} PageState */

/**
 * @param {{kind?: "plain" | "good" | "bad", icon?: IconName, title?: string, children?: any}} props
 */
export function Notice({ kind = "plain", icon = ICONS[kind], title, children }) {
  const part = useRef(/** @type {HTMLElement | null} */ (null));
  // What went wrong is seen where one is: a form is longer than a phone.
  useEffect(() => void (kind === "bad" && part.current?.scrollIntoView({ block: "nearest" })), []);
  return html`
    <div class=${`notice ${kind}`} ref=${part}>
      <${Icon} name=${icon} />
      <div>${title && html`<strong>${title}</strong>`}${children}</div>
    </div>
  `;
}

/** @type {Record<"plain" | "good" | "bad", IconName>} */
const ICONS = { plain: "info", good: "check", bad: "alarm" };

/**
 * A screen without content, or a part of one (`heading` false: the screen has its own).
 *
 * @param {{icon: IconName, title: string, text?: string, heading?: boolean, children?: any}} props
 */
export const Empty = ({ icon, title, text, heading = true, children }) => html`
  <div class="empty">
    <${Icon} name=${icon} />
    ${heading ? html`<h1 tabindex="-1">${title}</h1>` : html`<p class="lead">${title}</p>`}
    ${text && html`<p>${text}</p>`}
    ${children}
  </div>
`;

/** What is said while an act is under way: these words, or that the server is away. @param {PageState} state @param {string} words */
export const underWay = (state, words) => (awaitsServer(state) ? t("act.server") : words);

/** What the code of an act's failure means, in words. @param {string} code */
function failure(code) {
  const key = `failed.${code}`;
  return hasWords(key) ? t(key) : t("failed.other");
}

/** What failed, and the way out of a frame. @param {{code: string}} props */
export const Why = ({ code }) => html`
  <p>${failure(code)}</p>
  ${code === "FRAMED" && html`<a class="button" href=${window.location.href} target="_blank">${t("failed.window")}</a>`}
`;

/** The same of what could not be read. @param {string} code */
function unread(code) {
  const key = `unread.${code}`;
  return hasWords(key) ? t(key) : t("unread.other");
}

/** An act that came to nothing: the shop's own words, or what failed. @param {{act: import("../shapes.js").Act}} props */
export const Nothing = ({ act }) => html`
  <${Notice} kind="bad" title=${t("failed.title")}>
    ${act.words ? html`<${Lines} text=${act.words} />` : html`<${Why} code=${act.code} />`}
  <//>
`;

/**
 * What could not be read, why, and "try again"; of a server of another version only a page of that one reads anything.
 *
 * @param {{title: string, code: string, onRetry: () => void}} props
 */
export const Failed = ({ title, code, onRetry }) => html`
  <${Notice} kind="bad" title=${title}>
    <p>${unread(code)}</p>
    ${code === "OUTDATED"
      ? html`<button type="button" class="button" onClick=${() => window.location.reload()}>${t("line.reload")}</button>`
      : html`<button type="button" class="button" onClick=${onRetry}>${t("page.retry")}</button>`}
  <//>
`;

/**
 * While there is nothing yet: the shape of what comes, and words for those who do not see it.
 *
 * @param {{rows?: number}} props
 */
export const Waiting = ({ rows = 3 }) => html`
  <div class="stack" role="status">
    <span class="spoken">${t("page.waiting")}</span>
    ${Array.from({ length: rows }, (_, row) => html`<div class="ghost card" key=${row} aria-hidden="true"></div>`)}
  </div>
`;
