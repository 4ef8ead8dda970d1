/** Booked: the time, large; what to bring; calendar, map, move, cancel. Printed, it is the slip for the wallet. */

import { AppointmentCard, statusWords } from "../parts/appointment.js";
import { Icon } from "../parts/icon.js";
import { Notice } from "../parts/notice.js";
import { addressOf } from "../router.js";
import { html, render } from "../view.js";
import { named, t } from "../words/index.js";
import { NotHere } from "./not_here.js";
import { ofShop } from "./of_shop.js";

/** @typedef {import("../shapes.js").Appointment} Appointment */
/** @typedef {import("../shapes.js").PageState} PageState */

export const BookedScreen = ofShop(({ state, page, shop }) => {
  const mine = state.mine.value;
  const { code } = state.route;
  const appointment = [...(mine?.upcoming ?? []), ...(mine?.past ?? [])].find((one) => one.code === code);
  if (appointment === undefined) return html`<${NotHere} state=${state} page=${page} title=${t("page.mine")} />`;
  const pending = appointment.status === "pending";
  const sure = appointment.status === "confirmed";
  const coming = pending || sure;
  return html`
    <div class="stack">
      <div class="outcome">
        <span class=${sure ? "mark good" : "mark"}><${Icon} name=${sure ? "check" : pending ? "clock" : "calendar"} /></span>
        <h1 tabindex="-1">${title(appointment, state.act)}</h1>
      </div>
      ${pending && html`<p>${t("booked.pending_text")}</p>`}
    </div>
    <${AppointmentCard} appointment=${appointment} state=${state} />
    ${coming && html`<${Next} appointment=${appointment} />`}
    ${coming && html`<${BeforeYouCome} shop=${shop} pack=${state.packs[code]} />`}
    <div class="row no-print">
      <a class="button plain" href=${addressOf("chat", { shop: shop.id })}><${Icon} name="chat" />${t("booked.chat")}</a>
      <button type="button" class="button plain" onClick=${() => window.print()}>
        <${Icon} name="print" />${t("booked.print")}
      </button>
    </div>
  `;
});

/**
 * Draw it to nowhere, as it will be for what is held. A browser reads each function, and each of our templates is taken apart,
 * when it is first wanted: that is done by the time that somebody taps, and "booked" is on the screen the sooner.
 *
 * @param {PageState} state
 * @param {import("../page.js").Page} page
 * @param {import("../shapes.js").Held} held
 */
export function rehearseBooked(state, page, { code, version, shop, service, wall, at, minutes }) {
  const nobodys = { name: "", person: "", with: "", wish: null, card: null, move: "", cancel: "", event: "" };
  const made = { code, version, status: "confirmed", shop, service, wall, at, end: at, minutes, ...nobodys };
  const mine = { ...state.mine, value: /** @type {any} */ ({ ...state.mine.value, upcoming: [made] }) };
  const then = { ...state, mine, route: { ...state.route, name: "booked", code } };
  const nowhere = document.createElement("div");
  render(html`<${BookedScreen} state=${then} page=${page} />`, nowhere);
  render(null, nowhere);
}

/** @param {Appointment} appointment @param {import("../shapes.js").Act | null} act */
function title({ status, code }, act) {
  if (status === "pending") return t("booked.pending");
  if (status !== "confirmed") return statusWords(status);
  return act?.name === "moved" && act.target === code ? t("booked.moved") : t("booked.title");
}

/** @param {{appointment: Appointment}} props */
function Next({ appointment: { code, shop, move, cancel, event } }) {
  return html`
    <div class="actions no-print">
      <a class="button main" href=${event}><${Icon} name="calendar" />${t("booked.calendar")}</a>
      ${move !== null && html`<a class="button" href=${addressOf("move", { shop, code })}>${t("booked.move")}</a>`}
      ${cancel !== null && html`<a class="button" href=${addressOf("cancel", { shop, code })}>${t("booked.cancel")}</a>`}
    </div>
    ${move === null && cancel === null && html`<${Notice}><p>${t("move.not")}</p><//>`}
  `;
}

/**
 * What fits this person and service, as the bot wrote it; until it is read, what the shop says to everybody.
 *
 * @param {{shop: import("../shapes.js").ShopPlace, pack: string | undefined}} props
 */
function BeforeYouCome({ shop: { info }, pack }) {
  const lines = [...(pack ?? "").split("\n"), named(info.parking)].filter(Boolean);
  if (lines.length === 0) return null;
  return html`
    <section class="stack">
      <h2>${t("shop.info")}</h2>
      <ul class="bullets">${lines.map((line) => html`<li key=${line}>${line}</li>`)}</ul>
    </section>
  `;
}
