/** What every screen of a shop needs first: the chain read, and the shop in it. */

import { Empty, Failed, Waiting } from "../parts/notice.js";
import { Beside } from "../parts/place.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { t } from "../words/index.js";

/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */
/** @typedef {{state: import("../shapes.js").PageState, page: import("../page.js").Page}} Props */

/**
 * A screen that is drawn once its shop is known. Until then it waits or says what is wrong; a poster may outlive its shop.
 *
 * @param {(props: Props & {shop: ShopPlace}) => any} draw
 * @param {{beside?: boolean}} [how]  Whether the shop stands beside it on wide screens.
 */
export function ofShop(draw, { beside = true } = {}) {
  return function OfShop(/** @type {Props} */ { state, page }) {
    const shop = page.shop(state);
    if (shop !== null) {
      return html`
        <div class=${beside ? "with-shop" : ""}>
          ${beside && html`<${Beside} shop=${shop} language=${state.language} whole=${state.route.name === "shop"} />`}
          <div class="screen"><${draw} state=${state} page=${page} shop=${shop} /></div>
        </div>
      `;
    }
    if (state.chain.value !== null) {
      return html`
        <div class="screen">
          <${Empty} icon="info" title=${t("shop.gone")} text=${t("shop.gone_text")}>
            <a class="button main" href=${addressOf("shops")}>${t("page.shops")}</a>
          <//>
        </div>
      `;
    }
    return html`
      <div class="screen">
        ${state.chain.state === "failed"
          ? html`<h1 tabindex="-1">${t("failed.title")}</h1>
              <${Failed} title=${t("shops.failed")} code=${state.chain.code} onRetry=${() => page.readings.refresh()} />`
          : html`<${Waiting} />`}
      </div>
    `;
  };
}
