/** Moving a customer's appointment: the free times of days to come, and the question before the customer is told. */

import { actOf, cameToNothing, isGoing } from "../acts.js";
import { longDay, timeOf } from "../dates.js";
import { Icon } from "../parts/icon.js";
import { Empty, Nothing, Waiting, underWay } from "../parts/notice.js";
import { addressOf } from "../router.js";
import { TimesOfDay } from "../screens/times_of_day.js";
import { html, useEffect, useState } from "../view.js";
import { named, t } from "../words/index.js";
import { s } from "../words/staff.js";
import { cut, personWords } from "./phrases.js";

/** @import { StaffProps } from "./screens.js" */
/** @import { SheetRow } from "./shapes.js" */

/** @param {StaffProps} props */
export function MoveScreen(props) {
  const { state, page, staff, shop } = props;
  const [wall, choose] = useState("");
  const { move: code, of } = state.route.query;
  const row = staff.sheet.value?.rows.find((one) => one.code === code) ?? null;
  const command = row?.actions.find(({ kind }) => kind === "move")?.command ?? null;
  const place = page.shop(state);
  const back = addressOf("staffToday", { shop: shop.id, query: of ? { day: of } : {} });
  useEffect(() => choose(""), [code]);
  if (row === null && staff.sheet.state === "waiting") {
    return html`<div class="screen"><h1 tabindex="-1">${t("move.title")}</h1><${Waiting} /></div>`;
  }
  if (row === null || command === null || place === null) {
    return html`
      <div class="screen">
        <${Empty} icon="calendar" title=${t("move.title")} text=${s("move.not")}>
          <a class="button main" href=${back}>${s("move.sheet")}</a>
        <//>
      </div>`;
  }
  return html`
    <div class="screen">
      <h1 tabindex="-1">${t("move.title")}</h1>
      <section class="card">
        <p><strong dir="auto">${cut(personWords(row))}</strong> · ${named(row.serviceName)} · <span class="code number">${row.code}</span></p>
        <p><span class="quiet">${t("move.now")}:</span> <strong>${longDay(row.wall, state.language)} <span class="number">${timeOf(row.wall)}</span></strong></p>
        ${row.wish && html`
          <p><span class="quiet">${s("move.wish")}:</span> <strong>${longDay(row.wish, state.language)} <span class="number">${timeOf(row.wish)}</span></strong></p>`}
      </section>
      ${wall === ""
        ? html`<${TimesOfDay} state=${state} page=${page} shop=${place} yours=${row.wall} keeps=${true} mark=${s("move.now")}
          onTake=${choose} />`
        : html`<${Ask} ...${props} row=${row} wall=${wall} command=${command} onKeep=${() => choose("")} />`}
    </div>
  `;
}

/** @param {StaffProps & {row: SheetRow, wall: string, command: string, onKeep: () => void}} props */
function Ask({ state, page, part, shop, row, wall, command, onKeep }) {
  const act = actOf(state, row.code, "move");
  const going = isGoing(act);
  const move = async () => {
    const moved = (/** @type {import("./part.js").Known} */ { sheet }) =>
      sheet !== null && !sheet.rows.some(({ code, wall: then }) => code === row.code && then === row.wall);
    const tap = { conversation: shop.group };
    if (!(await part.acts.do("move", row.code, shop, toConfirm(command, wall), moved, undefined, tap))) return;
    page.router.go(addressOf("staffToday", { shop: shop.id, query: { day: wall.slice(0, 10) } }), { replace: true });
    page.say(t("booked.said_moved", { day: longDay(wall, state.language), time: timeOf(wall) }));
  };
  return html`
    <section class="card raised" aria-label=${t("move.to")}>
      <h2 class="label">${t("move.to")}</h2>
      <p class="when"><span>${longDay(wall, state.language)}</span><strong class="number">${timeOf(wall)}</strong></p>
      <p class="small"><${Icon} name="info" /> ${s("move.told", { name: cut(row.name) })}</p>
    </section>
    ${cameToNothing(act, "move") && html`<${Nothing} act=${act} />`}
    <div class="thumb">
      <button type="button" class="button main wide" aria-disabled=${going ? "true" : null} onClick=${() => void (!going && move())}>
        ${going ? underWay(state, t("move.sending")) : t("move.yes")}
      </button>
      <button type="button" class="button plain wide" aria-disabled=${going ? "true" : null} onClick=${() => !going && onKeep()}>
        ${s("move.others")}
      </button>
    </div>
  `;
}

/**
 * The button under the bot's own question "move it?", which says all that it does: this screen has asked already.
 *
 * @param {string} command  `/move CODE vN`
 * @param {string} wall
 */
const toConfirm = (command, wall) => `${command.replace(/^\S+/, command.startsWith("/") ? "/confirm" : "确认")} ${wall.replace("T", " ")}`;
