/** The shops of the chain. */

import { Icon } from "../parts/icon.js";
import { Empty, Failed, Waiting } from "../parts/notice.js";
import { OpenNow } from "../parts/place.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { named, t } from "../words/index.js";

/** @param {{state: import("../shapes.js").PageState, page: import("../page.js").Page}} props */
export function ShopsScreen({ state, page }) {
  const { value, state: reading, code } = state.chain;
  if (value === null) {
    return html`
      <div class="screen">
        <h1 tabindex="-1">${t("shops.title")}</h1>
        ${reading === "failed"
          ? html`<${Failed} title=${t("shops.failed")} code=${code} onRetry=${() => page.readings.refresh()} />`
          : html`<${Waiting} />`}
      </div>
    `;
  }
  if (value.shops.length === 0) return html`<div class="screen"><${Empty} icon="glasses" title=${t("shops.empty")} /></div>`;
  return html`
    <div class="screen">
      <h1 tabindex="-1">${t("shops.title")}</h1>
      <ul class="stack">
        ${value.shops.map((shop) => html`
          <li key=${shop.id}>
            <a class="card shop-link" href=${addressOf("shop", { shop: shop.id })}>
              <span class="stack">
                <strong>${named(shop.name)}</strong>
                <span>${named(shop.address)}</span>
                <${OpenNow} open=${shop.open} />
              </span>
              <${Icon} name="next" />
            </a>
          </li>`)}
      </ul>
    </div>
  `;
}
