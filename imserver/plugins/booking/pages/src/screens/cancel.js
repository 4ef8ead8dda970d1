/** Cancelling an appointment: asks once, says that it is done, offers another time. */

import { actOf, cameToNothing, isGoing } from "../acts.js";
import { longDay, timeOf } from "../dates.js";
import { AppointmentCard } from "../parts/appointment.js";
import { Empty, Nothing, underWay } from "../parts/notice.js";
import { ownIsComing } from "../readings.js";
import { addressOf } from "../router.js";
import { html, useRef, useState } from "../view.js";
import { t } from "../words/index.js";
import { NotHere, goneOf } from "./not_here.js";
import { ofShop } from "./of_shop.js";

/** @typedef {import("../shapes.js").Appointment} Appointment */
/** @typedef {import("../page.js").Page} Page */

export const CancelScreen = ofShop(({ state, page, shop }) => {
  const mine = state.mine.value;
  const act = actOf(state, "", "cancel");
  const { code } = state.route;
  const [done, setDone] = useState(false);
  // It leaves the list when it is cancelled; what is cancelled stays in sight.
  const seen = useRef(/** @type {Appointment | null} */ (null));
  const listed = mine?.upcoming.find((one) => one.code === code) ?? null;
  if (listed !== null) seen.current = listed;
  const appointment = seen.current;
  if (appointment === null || goneOf(state) !== null || ownIsComing(state)) {
    return html`<${NotHere} state=${state} page=${page} title=${t("cancel.title")} />`;
  }
  const when = { day: longDay(appointment.wall, state.language), time: timeOf(appointment.wall) };
  if (done || (listed === null && !isGoing(act))) {
    return html`
      <${Empty} icon="check" title=${t("cancel.done")} text=${t("cancel.done_text", when)}>
        <a class="button main" href=${addressOf("shop", { shop: shop.id })}>${t("cancel.again")}</a>
        <a class="button plain" href=${addressOf("mine")}>${t("page.mine")}</a>
      <//>`;
  }
  if (appointment.cancel === null) {
    return html`
      <${Empty} icon="calendar" title=${t("booked.cancel")} text=${t("cancel.not")}>
        <a class="button main" href=${addressOf("chat", { shop: shop.id })}>${t("shop.ask")}</a>
      <//>`;
  }
  const working = isGoing(act);
  const yes = async () => {
    if (!(await cancel(page, shop, appointment))) return;
    setDone(true);
    page.say(t("cancel.said"));
  };
  return html`
    <div class="stack"><h1 tabindex="-1">${t("cancel.title")}</h1><p>${t("cancel.text")}</p></div>
    <${AppointmentCard} appointment=${appointment} state=${state} />
    ${cameToNothing(act, "cancel") && html`<${Nothing} act=${act} />`}
    <div class="thumb">
      <button type="button" class="button alarm wide" aria-disabled=${working} onClick=${() => void (!working && yes())}>
        ${working ? underWay(state, t("cancel.sending")) : t("cancel.yes")}
      </button>
      <button type="button" class="button main wide"
        onClick=${() => page.router.back(addressOf("booked", { shop: shop.id, code }))}>
        ${t("cancel.keep")}
      </button>
    </div>
  `;
});

/**
 * The command, then the yes of its card: this screen has asked already, and shown what is cancelled.
 *
 * @param {Page} page
 * @param {import("../shapes.js").ShopPlace} shop
 * @param {Appointment} appointment
 */
async function cancel(page, shop, { code, cancel: command }) {
  const gone = (/** @type {import("../shapes.js").Mine} */ mine) => !mine.upcoming.some((one) => one.code === code);
  const asked = (/** @type {import("../shapes.js").Mine} */ mine) =>
    mine.cancelling?.codes.includes(code) === true || gone(mine);
  if (!(await page.acts.do("cancel", code, shop, command ?? "", asked))) return false;
  const mine = page.store.get().mine.value;
  if (mine === null || gone(mine)) return true;
  return page.acts.do("cancel", code, shop, mine.cancelling?.confirm ?? "", gone);
}
