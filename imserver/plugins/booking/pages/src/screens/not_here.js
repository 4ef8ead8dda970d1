/** In place of an appointment that is not on the screen: it is on its way, unread, gone, or was never of this browser. */

import { longDay, timeOf } from "../dates.js";
import { Empty, Failed, Notice, Waiting } from "../parts/notice.js";
import { ownIsComing } from "../readings.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { t } from "../words/index.js";

/** @typedef {import("../shapes.js").PageState} PageState */
/** @typedef {import("../page.js").Page} Page */

/**
 * Why the one of the address is not there, and what to do.
 *
 * @param {{state: PageState, page: Page, title: string}} props  `title`: of the screen, while nothing is known yet.
 */
export function NotHere({ state, page, title }) {
  const gone = goneOf(state);
  if (gone !== null) return html`<${Gone} gone=${gone} state=${state} />`;
  if (ownIsComing(state)) return html`<h1 tabindex="-1">${title}</h1><${Waiting} />`;
  if (state.mine.value === null && state.mine.state === "failed") {
    return html`
      <h1 tabindex="-1">${title}</h1>
      <${Failed} title=${t("mine.failed")} code=${state.mine.code} onRetry=${() => page.again()} />`;
  }
  return html`
    <${Empty} icon="calendar" title=${t("booked.unknown")} text=${t("booked.unknown_text")}>
      <a class="button main" href=${addressOf("mine")}>${t("page.mine")}</a>
    <//>`;
}

/**
 * The one that the address names, if it was to come and the shop has it no more: an older copy of its records came back.
 *
 * @param {PageState} state
 */
export const goneOf = ({ gone, route }) => gone.find(({ code }) => code === route.code) ?? null;

/** @param {{gone: import("../shapes.js").Appointment, state: PageState}} props */
const Gone = ({ gone, state }) => html`
  <${Empty} icon="alarm" title=${t("booked.gone")}
    text=${t("booked.gone_text", { when: `${longDay(gone.wall, state.language)} ${timeOf(gone.wall)}` })}>
    <a class="button main" href=${addressOf("shop", { shop: gone.shop })}>${t("cancel.again")}</a>
    <a class="button plain" href=${addressOf("mine")}>${t("page.mine")}</a>
  <//>
`;

/** All that are gone, among one's own. @param {{state: PageState}} props */
export const GoneNotice = ({ state }) => state.gone.length > 0 && html`
  <${Notice} kind="bad" title=${t("mine.gone")}>
    <ul>
      ${state.gone.map(({ code, wall }) => html`
        <li key=${code}>${longDay(wall, state.language)} <span class="number">${timeOf(wall)}</span></li>`)}
    </ul>
    <p>${t("mine.gone_text")}</p>
  <//>
`;
