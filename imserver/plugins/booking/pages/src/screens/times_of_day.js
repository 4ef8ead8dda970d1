/** Days and the times of the chosen one, with every state: waiting, failed, full, closed, over. For booking and for moving. */

import { daysAhead, longDay, otherZone, stripOf } from "../dates.js";
import { DayStrip } from "../parts/days.js";
import { Failed, Waiting } from "../parts/notice.js";
import { Times } from "../parts/times.js";
import { dayOfChoice } from "../readings.js";
import { addressOf, isStaffs } from "../router.js";
import { html } from "../view.js";
import { t } from "../words/index.js";
import { takingNow } from "./taking.js";

/** @typedef {import("../shapes.js").PageState} PageState */
/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */
/** @typedef {import("../page.js").Page} Page */

/**
 * Show another day, or the days from one on: in the address, so that it survives a reload, and in place, so that "back" leaves
 * the screen.
 *
 * @param {Page} page
 * @param {{day: string} | {from: string}} which
 */
function show(page, which) {
  const { route } = page.store.get();
  const { day: _day, from: _from, ...query } = route.query;
  page.router.go(`${route.path}?${new URLSearchParams({ ...query, ...which })}`, { replace: true });
}

/**
 * @param {object} props
 * @param {PageState} props.state
 * @param {Page} props.page
 * @param {ShopPlace} props.shop
 * @param {string} props.yours
 * @param {boolean} [props.keeps]  See `Times`.
 * @param {string} [props.mark]  See `Times`.
 * @param {(wall: string) => void} props.onTake
 */
export function TimesOfDay({ state, page, shop, yours, keeps = false, mark, onTake }) {
  const { days, day, language } = state;
  const now = page.clock.now();
  if (days.value === null) {
    if (days.state !== "failed") return html`<${Waiting} rows=${4} />`;
    return html`<${Failed} title=${t("time.failed")} code=${days.code} onRetry=${() => page.readings.refresh()} />`;
  }
  const shown = day.key.split("/")[2] ?? "";
  const { value } = day;
  const { earlier, later } = stripOf(dayOfChoice(state) || (state.route.query.from ?? ""), now, shop);
  const zone = value?.times.length ? otherZone(value.times[0].at, shop.zone, language) : null;
  return html`
    <${DayStrip} days=${days.value.days} shown=${shown} language=${language} now=${now} zone=${shop.zone}
      onChoose=${(/** @type {string} */ chosen) => show(page, { day: chosen })} />
    ${(earlier ?? later) !== null && html`<${OtherDays} page=${page} earlier=${earlier} later=${later} />`}
    <section class="stack" aria-label=${shown && longDay(shown, language)}>
      <h2>${shown && longDay(shown, language)}</h2>
      ${day.state === "failed" && html`
        <${Failed} title=${t("time.failed")} code=${day.code} onRetry=${() => page.readings.refresh()} />`}
      ${value === null
        ? day.state !== "failed" && html`<${Waiting} rows=${3} />`
        : html`
          ${value.times.some((time) => time.free || time.wall === yours)
            ? html`<${Times} times=${value.times} yours=${yours} taking=${takingNow(state)} keeps=${keeps} mark=${mark}
                onTake=${(/** @type {import("../shapes.js").Slot} */ time) => onTake(time.wall)} />`
            : html`<${NoTimes} page=${page} day=${shown} state=${state} shop=${shop} />`}`}
      ${zone && html`<p class="small quiet">${t("time.zone", { zone: zone.name })}</p>`}
    </section>
  `;
}

/** The two weeks before and behind these. @param {{page: Page, earlier: string | null, later: string | null}} props */
const OtherDays = ({ page, earlier, later }) => html`
  <div class="other-days">
    ${earlier !== null && html`
      <button type="button" class="button plain" onClick=${() => show(page, { from: earlier })}>${t("time.earlier")}</button>`}
    ${later !== null && html`
      <button type="button" class="button plain later" onClick=${() => show(page, { from: later })}>${t("time.later")}</button>`}
  </div>
`;

/**
 * A day without a free time: why, and the next that has one.
 *
 * @param {{page: Page, day: string, state: PageState, shop: ShopPlace}} props
 */
function NoTimes({ page, day, state, shop }) {
  const { language } = state;
  const listed = state.days.value?.days.find((one) => one.day === day);
  const next = state.day.value?.next ?? null;
  const over = daysAhead(day, page.clock.now(), shop.zone) < 0;
  const key = over ? "time.over" : listed?.state === "closed" ? "time.closed" : "time.full";
  return html`
    <p>${t(key, { day: longDay(day, language) })}</p>
    ${next !== null
      ? html`<button type="button" class="button" onClick=${() => show(page, { day: next })}>
          ${t("time.next", { day: longDay(next, language) })}</button>`
      : html`
        <p>${t("time.none")}</p>
        ${!isStaffs(state.route) && html`<a class="button" href=${addressOf("chat", { shop: shop.id })}>${t("shop.ask")}</a>`}`}
  `;
}
