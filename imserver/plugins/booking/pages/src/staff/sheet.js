/** The sheet of a day: who comes when, to whom, and how far they are; live, kept for the time without a network, for paper, too. */

import { dayAt, longDay, plusDays, timeOf } from "../dates.js";
import { moment } from "../chat/moment.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, Notice, Waiting } from "../parts/notice.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { named, t } from "../words/index.js";
import { s } from "../words/staff.js";
import { VisitActions } from "./actions.js";
import { cut, personWords, staffStatus, whenWords } from "./phrases.js";
import { chatAddress, dayOfSheet } from "./places.js";

/** @import { StaffProps } from "./screens.js" */
/** @import { Sheet, SheetRow } from "./shapes.js" */

/** Statuses of who does not come (any more): they stand on the sheet, and do not count. */
const GONE = new Set(["cancelled", "no_show", "expired"]);
/** Who is still to come: whoever is here is nobody's next. */
const COMING = new Set(["pending", "confirmed"]);
const DAY_MIN = 24 * 60;

/** @param {StaffProps} props */
export function SheetScreen(props) {
  const { state, page, staff, shop } = props;
  const { value, state: reading, code } = staff.sheet;
  const now = page.clock.now();
  const today = dayAt(now, shop.zone);
  const day = dayOfSheet(state.route, shop.zone, now);
  const sheet = value?.day === day && value.shop === shop.id ? value : null;
  return html`
    <div class="screen sheet-screen">
      <div class="sheet-head">
        <div class="stack">
          <h1 tabindex="-1">${longDay(day, state.language)}</h1>
          <p class="quiet small print-only">${named(shop.name)}</p>
          ${sheet !== null && html`<${Summary} sheet=${sheet} state=${state} fresh=${reading === "ready" && state.line.state === "connected"} />`}
        </div>
        <${Days} day=${day} today=${today} shop=${shop.id} />
      </div>
      ${sheet === null
        ? reading === "failed"
          ? html`<${Failed} title=${s("sheet.failed")} code=${code} onRetry=${() => page.line.wake()} />`
          : state.line.state === "waiting"
            ? html`<${Empty} icon="calendar" title=${s("sheet.not_kept")} text=${s("sheet.not_kept_text")} heading=${false} />`
            : html`<${Waiting} rows=${5} />`
        : html`<${Day} ...${props} sheet=${sheet} today=${day === today} />`}
    </div>
  `;
}

/** Other days, and paper. @param {{day: string, today: string, shop: string}} props */
function Days({ day, today, shop }) {
  const to = (/** @type {string} */ other) => addressOf("staffToday", { shop, query: other === today ? {} : { day: other } });
  return html`
    <div class="row sheet-days no-print">
      <a class="button icon-only" href=${to(plusDays(day, -1))} aria-label=${s("sheet.before")}><${Icon} name="back" /></a>
      <a class="button" href=${to(today)} aria-current=${day === today ? "date" : null}>${s("sheet.today")}</a>
      <a class="button icon-only" href=${to(plusDays(day, 1))} aria-label=${s("sheet.after")}><${Icon} name="next" /></a>
      <button type="button" class="button" onClick=${() => window.print()}><${Icon} name="print" />${t("booked.print")}</button>
    </div>
  `;
}

/** How many come, and of when this is. @param {{sheet: Sheet, state: StaffProps["state"], fresh: boolean}} props */
function Summary({ sheet, state, fresh }) {
  const coming = sheet.rows.filter(({ status }) => !GONE.has(status) && status !== "held").length;
  const asOf = s("sheet.as_of", { time: moment(sheet.asOf, state.language) }); // paper is not live
  const open = sheet.open.map(([from, to]) => `${clock(from)}–${clock(to)}`).join(", ");
  return html`
    <p class="quiet small number">
      ${s(coming === 1 ? "sheet.one" : "sheet.count", { count: coming })} ·
      ${" "}${sheet.closed ? s("sheet.closed") : s("sheet.open", { hours: open })} ·
      ${" "}${fresh ? html`<span class="no-print">${s("sheet.live")}</span><span class="print-only">${asOf}</span>` : html`<strong>${asOf}</strong>`}
    </p>
  `;
}

/** @param {StaffProps & {sheet: Sheet, today: boolean}} props */
function Day(props) {
  const { sheet, today, page } = props;
  const away = sheet.columns.flatMap(({ name, away: spans }) => spans.map((span) => ({ ...span, name })));
  const now = page.clock.now();
  // Who is next: where the eye goes when the door opens.
  const next = today ? sheet.rows.findIndex(({ status, end }) => COMING.has(status) && end > now) : -1;
  return html`
    ${away.length > 0 && html`
      <${Notice} icon="person" title=${s("sheet.away")}>
        <ul>${away.map(({ name, from, to, note }, index) => html`
          <li key=${index}>${named(name)}: ${from === 0 && to >= DAY_MIN ? s("sheet.all_day") : html`<span class="number">${clock(from)}–${clock(to)}</span>`}
            ${note && html` · <span dir="auto">${note}</span>`}</li>`)}</ul>
      <//>`}
    ${sheet.rows.length === 0
      ? html`<${Empty} icon="calendar" title=${s("sheet.empty")} text=${s("sheet.empty_text")} heading=${false} />`
      : html`
        <ol class="sheet">
          ${sheet.rows.map((row, index) => html`<li key=${`${row.code} ${row.at}`}><${Visit} ...${props} row=${row} isNext=${index === next} /></li>`)}
        </ol>`}
  `;
}

/** @param {StaffProps & {sheet: Sheet, row: SheetRow, isNext: boolean}} props */
function Visit(props) {
  const { state, page, staff, shop, sheet, row, isNext } = props;
  const { status, firstVisit, guest, noMessages, note, ageName, wish } = row;
  const gone = GONE.has(status);
  const where = sheet.columns.filter(({ id }) => row.with.includes(id)).map(({ name }) => named(name)).join(", ");
  const away = sheet.columns.filter(({ id }) => row.away?.includes(id)).map(({ name }) => named(name)).join(", ");
  const marks = [
    named(ageName), firstVisit && s("sheet.first"), guest && s("customer.guest"), noMessages && s("sheet.no_messages"),
  ].filter(Boolean);
  return html`
    <article class=${`sheet-row${gone ? " gone" : ""}${isNext ? " next" : ""}`} aria-label=${`${timeOf(row.wall)} ${cut(row.name)}`}>
      <p class="sheet-time"><strong class="number">${timeOf(row.wall)}</strong><small class="quiet number">${t("time.minutes", { minutes: row.minutes })}</small></p>
      <div class="sheet-who">
        <p class="sheet-name"><strong dir="auto">${cut(personWords(row))}</strong> <span class="code number quiet small">${row.code}</span></p>
        <p>${named(row.serviceName)}${where && html`<span class="quiet"> · ${where}</span>`}</p>
        ${away && html`<p class="small"><strong>${s("sheet.away_then", { names: away })}</strong></p>`}
        ${marks.length > 0 && html`<p class="small quiet">${marks.join(" · ")}</p>`}
        ${wish && html`<p class="small"><strong>${s("sheet.wish", { when: whenWords(wish, state.language, page.clock.now(), shop.zone) })}</strong></p>`}
        ${note && html`<p class="small note" dir="auto">${note}</p>`}
      </div>
      <p class="sheet-state">
        <span class=${`tag${status === "confirmed" ? " good" : ""}${status === "pending" ? " bad" : ""}`}>${staffStatus(status)}</span>
        ${row.holdUntil !== null && status === "held" && html`<small class="quiet number">${s("sheet.until", { time: moment(row.holdUntil, state.language) })}</small>`}
        ${isNext && html`<small class="next-mark">${row.at <= staff.now ? s("sheet.now") : s("sheet.next")}</small>`}
      </p>
      <div class="sheet-acts no-print">
        <${VisitActions} ...${props} row=${row} />
        <a class="button icon-only" href=${chatAddress(shop.id, row.conversation)} aria-label=${s("sheet.chat", { name: cut(row.name) })}>
          <${Icon} name="chat" />
        </a>
      </div>
    </article>
  `;
}

/** @param {number} minute  Of the day, on the shop's clock. */
const clock = (minute) => [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, "0")).join(":");
