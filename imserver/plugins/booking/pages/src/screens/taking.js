/** Taking a time: the tap on a free one, and what is said while it is held and if somebody else was faster. */

import { actOf, isGoing } from "../acts.js";
import { longDay, shortDay, timeOf } from "../dates.js";
import { Notice, Why, underWay } from "../parts/notice.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { t } from "../words/index.js";
import { NearTimes, RefusedNotice, refusedOf, refusedWords } from "./refused.js";

/** @typedef {import("../shapes.js").PageState} PageState */
/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */
/** @typedef {import("../page.js").Page} Page */

/**
 * Hold a time; once it is held, the form is shown. `wall` as the shop's, "2026-12-03T15:00".
 *
 * @param {Page} page
 * @param {ShopPlace} shop
 * @param {string} service
 * @param {string} wall
 */
export async function take(page, shop, service, wall) {
  const begun = page.store.get().route.path;
  const command = `/book ${service} at ${wall.replace("T", " ")}`;
  const held = await page.acts.do(
    "take", wall, shop, command,
    ({ held: now }) => now?.shop === shop.id && now.wall === wall,
    (mine) => refusedOf(mine, shop)?.wall === wall,
  );
  const { act, route, mine, language } = page.store.get();
  if (held && route.name === "you") return; // there is where one is
  if (held && route.path === begun) return page.router.go(addressOf("you", { shop: shop.id }));
  if (held || act?.name !== "take" || act.state !== "refused") return;
  const refused = refusedOf(mine.value, shop);
  page.say(refused?.wall === wall ? refusedWords(refused, shop, language) : act.words);
}

/** The wall time that is being taken now, or "". @param {PageState} state */
export function takingNow(state) {
  const act = actOf(state, "", "take");
  return isGoing(act) ? act?.target ?? "" : "";
}

/** How the last tap on a time goes, in words. @param {{state: PageState, page: Page, shop: ShopPlace}} props */
export function Taking({ state, page, shop }) {
  const { language } = state;
  const act = actOf(state, "", "take");
  if (act === null || act.state === "done") return null;
  const time = `${shortDay(act.target, language)} ${timeOf(act.target)}`;
  if (isGoing(act)) {
    const words = t(act.state === "slow" ? "time.taking_slow" : "time.taking", { time });
    return html`<p class="strip" role="status">${underWay(state, words)}</p>`;
  }
  const refused = refusedOf(state.mine.value, shop);
  if (act.state === "refused" && refused?.wall === act.target) {
    return html`
      <${RefusedNotice} refused=${refused} page=${page} shop=${shop} language=${language}>
        <${NearTimes} refused=${refused} shop=${shop} language=${language} taking=${takingNow(state)}
          onTake=${(/** @type {string} */ wall) => void take(page, shop, refused.service, wall)} />
      <//>
    `;
  }
  if (act.state === "refused") {
    return html`
      <${Notice} kind="bad" title=${t("time.gone_title")}>
        <p>${act.words || t("time.gone", { time: `${longDay(act.target, language)} ${timeOf(act.target)}` })}</p>
      <//>
    `;
  }
  return html`<${Notice} kind="bad" title=${t("failed.title")}><${Why} code=${act.code} /><//>`;
}
