/** The time: what for, which day, which time. A tap on a time holds it. */

import { HoldStrip } from "../parts/hold.js";
import { Readings } from "../readings.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { named, t } from "../words/index.js";
import { planned } from "./details.js";
import { ofShop } from "./of_shop.js";
import { Taking, take } from "./taking.js";
import { TimesOfDay } from "./times_of_day.js";

/** @typedef {import("../page.js").Page} Page */

export const TimeScreen = ofShop(({ state, page, shop }) => {
  const held = state.mine.value?.held?.shop === shop.id ? state.mine.value.held : null;
  const choice = Readings.choice(state);
  if (choice === null) return html`<h1 tabindex="-1">${t("time.title")}</h1><p>${t("time.none")}</p>`;
  const { service } = choice;
  return html`
    <h1 tabindex="-1">${t("time.title")}</h1>
    ${held && html`<${HoldStrip} held=${held} page=${page} state=${state} />`}
    <${Services} shop=${shop} chosen=${service.id} page=${page} />
    <${Taking} state=${state} page=${page} shop=${shop} />
    <${TimesOfDay} state=${state} page=${page} shop=${shop} yours=${held && planned(held).service === service.id ? held.wall : ""}
      onTake=${(/** @type {string} */ wall) =>
        held?.wall === wall ? page.router.go(addressOf("you", { shop: shop.id })) : void take(page, shop, service.id, wall)} />
  `;
});

/**
 * The services as a list of one line: most people want what is chosen already, and the times are what they came for.
 *
 * @param {{shop: import("../shapes.js").ShopPlace, chosen: string, page: Page}} props
 */
function Services({ shop, chosen, page }) {
  const choose = (/** @type {Event} */ event) => {
    const { value } = /** @type {HTMLSelectElement} */ (event.target);
    // The same day, if one was chosen: that is when one has time.
    const query = { ...page.store.get().route.query, service: value };
    page.router.go(addressOf("time", { shop: shop.id, query }), { replace: true });
  };
  return html`
    <div class="field">
      <label for="service">${t("time.service")}</label>
      <select class="input" id="service" value=${chosen} onChange=${choose}>
        ${shop.services.map((one) => html`
          <option key=${one.id} value=${one.id} selected=${one.id === chosen}>
            ${named(one.name)} · ${t("time.minutes", { minutes: one.minutes })}
          </option>`)}
      </select>
    </div>
  `;
}
