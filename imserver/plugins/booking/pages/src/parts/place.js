/**
 * A shop for people: name, whether it is open, address with the map, telephone. On wide screens it stands beside what one
 * does.
 */

import { shortDay } from "../dates.js";
import { html } from "../view.js";
import { named, t } from "../words/index.js";
import { Icon } from "./icon.js";
import { Lines } from "./lines.js";

/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */

/** @param {{open: ShopPlace["open"]}} props */
export const OpenNow = ({ open }) => html`
  <p><span class=${open.now ? "tag good" : "tag"}>${named(open.text)}</span></p>
`;

/**
 * The map's address as a link, if it is one of a kind that leads to a map: a chain's file may hold anything.
 *
 * @param {string | null} map
 */
export const mapLink = (map) => (map !== null && /^(https?:|geo:)/i.test(map) ? map : null);

/** @param {{shop: ShopPlace}} props */
export function Ways({ shop }) {
  const map = mapLink(shop.map);
  return html`
    <ul class="ways">
      <li>
        <${Icon} name="pin" />
        <span>${named(shop.address)}</span>
        ${map && html`<a class="button plain" href=${map} target="_blank" rel="noopener noreferrer">
          ${t("page.map")}<span class="spoken"> ${t("page.new_window")}</span></a>`}
      </li>
      ${shop.phone && html`
        <li>
          <${Icon} name="phone" />
          <span class="number">${shop.phone}</span>
          <a class="button plain" href=${`tel:${shop.phone}`} aria-label=${t("page.call", { shop: named(shop.name) })}>
            ${t("page.call_short")}
          </a>
        </li>`}
    </ul>
  `;
}

/**
 * @param {{shop: ShopPlace, language?: import("../shapes.js").Language, whole?: boolean}} props  `whole`: with hours and
 *   parking.
 */
export const Beside = ({ shop, language, whole = false }) => html`
  <aside class="beside" aria-label=${named(shop.name)}>
    <div class="card">
      ${!whole && html`<p class="lead">${named(shop.name)}</p><${OpenNow} open=${shop.open} />`}
      <${Ways} shop=${shop} />
      ${whole && language && html`<${Visit} shop=${shop} language=${language} />`}
    </div>
  </aside>
`;

/**
 * What a shop's place asks of visitors: hours of the next days, parking, what to bring.
 *
 * @param {{shop: ShopPlace, language: import("../shapes.js").Language}} props
 */
export const Visit = ({ shop: { info }, language }) => html`
  ${info.parking && html`
    <section class="stack"><h2>${t("shop.parking")}</h2><${Lines} text=${named(info.parking)} /></section>`}
  <section class="stack">
    <h2>${t("shop.hours")}</h2>
    <dl class="facts hours">
      ${info.hours.map(({ day, spans }) => html`
        <dt key=${day}>${shortDay(day, language)}</dt>
        <dd class="number">
          ${spans.map((span) => html`<span key=${span}>${span.replace("-", "–")}</span> `)}
          ${spans.length === 0 && t("time.state.closed")}
        </dd>`)}
    </dl>
  </section>
`;
