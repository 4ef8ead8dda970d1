/** Days and the times of the chosen one, with every state: waiting, failed, full, closed, over. For booking and for moving. */

import { daysAhead, longDay, otherZone } from "../dates.js";
import { DayStrip } from "../parts/days.js";
import { Failed, Waiting } from "../parts/notice.js";
import { Times } from "../parts/times.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { t } from "../words/index.js";
import { takingNow } from "./taking.js";

/** @typedef {import("../shapes.js").PageState} PageState */
/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */
/** @typedef {import("../page.js").Page} Page */

/**
 * Show another day: in the address, so that it survives a reload, and in place, so that "back" leaves the screen.
 *
 * @param {Page} page
 * @param {string} day
 */
function showDay(page, day) {
  const { route } = page.store.get();
  const search = new URLSearchParams({ ...route.query, day }).toString();
  page.router.go(`${route.path}?${search}`, { replace: true });
}

/**
 * @param {object} props
 * @param {PageState} props.state
 * @param {Page} props.page
 * @param {ShopPlace} props.shop
 * @param {string} props.yours
 * @param {boolean} [props.keeps]  See `Times`.
 * @param {(wall: string) => void} props.onTake
 */
export function TimesOfDay({ state, page, shop, yours, keeps = false, onTake }) {
  const { days, day, language } = state;
  const now = page.clock.now();
  if (days.value === null) {
    if (days.state !== "failed") return html`<${Waiting} rows=${4} />`;
    return html`<${Failed} title=${t("time.failed")} code=${days.code} onRetry=${() => page.readings.refresh()} />`;
  }
  const shown = day.key.split("/")[2] ?? "";
  const { value } = day;
  const zone = value?.times.length ? otherZone(value.times[0].at, shop.zone, language) : null;
  return html`
    <${DayStrip} days=${days.value.days} shown=${shown} language=${language} now=${now} zone=${shop.zone}
      onChoose=${(/** @type {string} */ chosen) => showDay(page, chosen)} />
    <section class="stack" aria-label=${shown && longDay(shown, language)}>
      <h2>${shown && longDay(shown, language)}</h2>
      ${day.state === "failed" && html`
        <${Failed} title=${t("time.failed")} code=${day.code} onRetry=${() => page.readings.refresh()} />`}
      ${value === null
        ? day.state !== "failed" && html`<${Waiting} rows=${3} />`
        : html`
          ${value.times.some((time) => time.free || time.wall === yours)
            ? html`<${Times} times=${value.times} yours=${yours} taking=${takingNow(state)} keeps=${keeps}
                onTake=${(/** @type {import("../shapes.js").Slot} */ time) => onTake(time.wall)} />`
            : html`<${NoTimes} page=${page} day=${shown} state=${state} shop=${shop} />`}`}
      ${zone && html`<p class="small quiet">${t("time.zone", { zone: zone.name })}</p>`}
    </section>
  `;
}

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
      ? html`<button type="button" class="button" onClick=${() => showDay(page, next)}>
          ${t("time.next", { day: longDay(next, language) })}</button>`
      : html`
        <p>${t("time.none")}</p>
        <a class="button" href=${addressOf("chat", { shop: shop.id })}>${t("shop.ask")}</a>`}
  `;
}
