/** The shops whose staff one is, with what waits in each. */

import { Icon } from "../parts/icon.js";
import { Notice } from "../parts/notice.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { named } from "../words/index.js";
import { s } from "../words/staff.js";

/** @param {{shops: import("./shapes.js").StaffShop[], gone: boolean}} props */
export const ShopsScreen = ({ shops, gone }) => html`
  <h1 tabindex="-1">${s("shops.title")}</h1>
  ${gone && html`<${Notice} title=${s("none.gone")}><p>${s("none.gone_text")}</p><//>`}
  <ul class="stack">
    ${shops.map(({ id, name, waiting, alarms }) => html`
      <li key=${id}>
        <a class="card shop-link" href=${addressOf("staffInbox", { shop: id })}>
          <span class="stack">
            <strong>${named(name)}</strong>
            <span class="row">
              ${alarms > 0 && html`<span class="tag bad"><${Icon} name="alarm" />${s("shops.alarms", { count: alarms })}</span>`}
              <span class=${waiting > 0 ? "tag good" : "tag"}>
                ${waiting > 0 ? s("shops.waiting", { count: waiting }) : s("shops.quiet")}
              </span>
            </span>
          </span>
          <${Icon} name="next" />
        </a>
      </li>`)}
  </ul>
`;
