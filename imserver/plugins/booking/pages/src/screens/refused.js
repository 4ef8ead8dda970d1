/** A start that the shop could not keep for this booking: why, and the nearest ones instead, each a tap away. */

import { shortDay, timeOf } from "../dates.js";
import { Notice } from "../parts/notice.js";
import { html, useEffect } from "../view.js";
import { hasWords, named, t } from "../words/index.js";

/** @typedef {import("../shapes.js").Refused} Refused */
/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */
/** @typedef {import("../shapes.js").Language} Language */

/**
 * What was refused last for this shop's booking, if nothing is held for it.
 *
 * @param {import("../shapes.js").Mine | null} mine
 * @param {ShopPlace} shop
 */
export const refusedOf = (mine, shop) =>
  mine?.refused?.shop === shop.id && mine.held?.shop !== shop.id ? mine.refused : null;

/** What for, and how long. @param {ShopPlace} shop @param {{service: string, minutes: number}} of */
export function visitWords(shop, { service, minutes }) {
  const name = named(shop.services.find(({ id }) => id === service)?.name) || service;
  return `${name} · ${t("time.minutes", { minutes })}`;
}

/** Why, as one sentence. @param {Refused} refused @param {ShopPlace} shop @param {Language} language */
export function refusedWords(refused, shop, language) {
  const key = `refused.${refused.why}`;
  const time = `${shortDay(refused.wall, language)} ${timeOf(refused.wall)}`;
  return t(hasWords(key) ? key : "refused.other", { time, visit: visitWords(shop, refused) });
}

/**
 * @param {{refused: Refused, page: import("../page.js").Page, shop: ShopPlace, language: Language, says?: boolean,
 *   children?: any}} props  `says`: to a screen reader, too.
 */
export function RefusedNotice({ refused, page, shop, language, says = false, children }) {
  const words = refusedWords(refused, shop, language);
  useEffect(() => void (says && page.say(words)), [words]);
  return html`
    <${Notice} kind="bad" icon="clock" title=${t(refused.why === "taken" ? "time.gone_title" : "refused.title")}>
      <p>${words}</p>${children}
    <//>
  `;
}

/**
 * @param {{refused: Refused, shop: ShopPlace, language: Language, taking: string, onTake: (wall: string) => void}} props
 */
export const NearTimes = ({ refused, shop, language, taking, onTake }) => refused.near.length > 0 && html`
  <section class="near" aria-label=${t("refused.near", { visit: visitWords(shop, refused) })}>
    <p class="small">${t("refused.near", { visit: visitWords(shop, refused) })}</p>
    <ul class="times">
      ${refused.near.map(({ wall }) => html`
        <li key=${wall}>
          <button type="button" class=${`slot free ${taking === wall ? "busy" : ""}`} aria-disabled=${taking !== ""}
            onClick=${() => taking === "" && onTake(wall)}>
            <small>${shortDay(wall, language)}</small>
            <span class="number">${timeOf(wall)}</span>
          </button>
        </li>`)}
    </ul>
  </section>
`;
