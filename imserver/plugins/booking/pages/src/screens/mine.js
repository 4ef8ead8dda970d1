/** One's appointments, of all shops of the chain: upcoming, unfinished, past. */

import { AppointmentLine } from "../parts/appointment.js";
import { HoldStrip } from "../parts/hold.js";
import { Empty, Failed, Waiting } from "../parts/notice.js";
import { ownIsComing } from "../readings.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { t } from "../words/index.js";
import { GoneNotice } from "./not_here.js";

/** @param {{state: import("../shapes.js").PageState, page: import("../page.js").Page}} props */
export function MineScreen({ state, page }) {
  const { value: mine, state: reading, code } = state.mine;
  if (mine === null) {
    if (reading !== "failed" && !ownIsComing(state)) return html`<div class="screen"><${None} state=${state} /></div>`;
    return html`
      <div class="screen">
        <h1 tabindex="-1">${t("mine.title")}</h1>
        ${reading === "failed"
          ? html`<${Failed} title=${t("mine.failed")} code=${code} onRetry=${() => page.again()} />`
          : html`<${Waiting} />`}
      </div>
    `;
  }
  const { held, upcoming, past } = mine;
  if (held === null && upcoming.length + past.length + state.gone.length === 0) {
    return html`<div class="screen"><${None} state=${state} /></div>`;
  }
  return html`
    <div class="screen">
      <h1 tabindex="-1">${t("mine.title")}</h1>
      <${GoneNotice} state=${state} />
      ${held && html`
        <section class="stack">
          <h2>${t("mine.held")}</h2>
          <${HoldStrip} held=${held} page=${page} state=${state} />
        </section>`}
      ${upcoming.length > 0 && html`<${List} title=${t("mine.upcoming")} listed=${upcoming} state=${state} />`}
      ${past.length > 0 && html`<${List} title=${t("mine.past")} listed=${past} state=${state} />`}
      <a class="button" href=${begin(state)}>${t("mine.book")}</a>
    </div>
  `;
}

/** @param {{title: string, listed: import("../shapes.js").Appointment[], state: import("../shapes.js").PageState}} props */
const List = ({ title, listed, state }) => html`
  <section class="stack">
    <h2>${title}</h2>
    <ul class="stack">
      ${listed.map((one) => html`<li key=${one.code}><${AppointmentLine} appointment=${one} state=${state} /></li>`)}
    </ul>
  </section>
`;

/** @param {{state: import("../shapes.js").PageState}} props */
const None = ({ state }) => html`
  <${Empty} icon="calendar" title=${t("mine.none")} text=${t("mine.none_text")}>
    <a class="button main" href=${begin(state)}>${t("mine.book")}</a>
    ${state.session?.guest !== false && html`<a class="button plain" href=${addressOf("devices")}>${t("mine.been_here")}</a>`}
  <//>
`;

/** Where booking begins: the only shop, or the list. @param {import("../shapes.js").PageState} state */
function begin(state) {
  const shops = state.chain.value?.shops ?? [];
  return shops.length === 1 ? addressOf("shop", { shop: shops[0].id }) : addressOf("shops");
}
