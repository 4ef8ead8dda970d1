/** The shop: where it is, whether it is open, and the nearest free times: a tap on one is the first of the booking. */

import { daysAhead, shortDay } from "../dates.js";
import { Icon } from "../parts/icon.js";
import { HoldStrip } from "../parts/hold.js";
import { Failed, Waiting } from "../parts/notice.js";
import { OpenNow, Visit, Ways } from "../parts/place.js";
import { Time } from "../parts/times.js";
import { Readings } from "../readings.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { named, t } from "../words/index.js";
import { ofShop } from "./of_shop.js";
import { Taking, take, takingNow } from "./taking.js";

/** Two rows of a phone; more are one tap away. */
const SOONEST = 6;

export const ShopScreen = ofShop(({ state, page, shop }) => {
  const held = state.mine.value?.held;
  return html`
    <div class="stack">
      <h1 tabindex="-1">${named(shop.name)}</h1>
      <${OpenNow} open=${shop.open} />
      <div class="on-phone"><${Ways} shop=${shop} /></div>
    </div>
    ${held?.shop === shop.id && html`<${HoldStrip} held=${held} page=${page} state=${state} />`}
    <${Soonest} state=${state} page=${page} shop=${shop} />
    <div class="on-phone"><${Visit} shop=${shop} language=${state.language} /></div>
    <div class="thumb">
      <a class="button main wide" href=${addressOf("time", { shop: shop.id })}>${t("shop.book")}<${Icon} name="next" /></a>
    </div>
  `;
});

/**
 * @param {string} wall
 * @param {import("../page.js").Page} page
 * @param {import("../shapes.js").ShopPlace} shop
 * @param {import("../shapes.js").Language} language
 */
function dayWords(wall, page, shop, language) {
  const ahead = daysAhead(wall, page.clock.now(), shop.zone);
  return ahead === 0 ? t("time.today") : ahead === 1 ? t("time.tomorrow") : shortDay(wall, language);
}

/**
 * @param {{state: import("../shapes.js").PageState, page: import("../page.js").Page, shop:
 *   import("../shapes.js").ShopPlace}} props
 */
function Soonest({ state, page, shop }) {
  const choice = Readings.choice(state);
  if (choice === null) return null;
  const { service } = choice;
  const { days, day } = state;
  const free = day.value?.times.filter((time) => time.free).slice(0, SOONEST) ?? [];
  const failed = [days, day].some((one) => one.state === "failed" && one.value === null);
  const waiting = !failed && (day.value === null || day.value.day !== day.key.split("/")[2]);
  return html`
    <section class="stack">
      <div>
        <h2>
          ${t("shop.soonest")}
          ${free.length > 0 && html` <span class="plain quiet">${dayWords(free[0].wall, page, shop, state.language)}</span>`}
        </h2>
        <p class="small quiet">${t("shop.soonest_for", { service: named(service.name), minutes: service.minutes })}</p>
      </div>
      ${failed && html`
        <${Failed} title=${t("time.failed")} code=${days.code || day.code} onRetry=${() => page.readings.refresh()} />`}
      ${waiting && html`<${Waiting} rows=${2} />`}
      ${!waiting && !failed && free.length === 0 && html`<p>${t("shop.no_times")}</p>`}
      <ul class="times">
        ${!waiting && free.map((time) => html`
          <li key=${time.wall}>
            <${Time} time=${time} yours=${false} taking=${takingNow(state)}
              onTake=${() => void take(page, shop, service.id, time.wall)} />
          </li>`)}
      </ul>
      <${Taking} state=${state} page=${page} shop=${shop} />
    </section>
  `;
}
