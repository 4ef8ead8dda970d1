/** Moving an appointment: its time now, the times it could have, and the yes to the chosen one. */

import { actOf, cameToNothing, isGoing } from "../acts.js";
import { longDay, shortDay, timeOf } from "../dates.js";
import { When } from "../parts/appointment.js";
import { Empty, Nothing, underWay } from "../parts/notice.js";
import { ownIsComing } from "../readings.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { t } from "../words/index.js";
import { NotHere } from "./not_here.js";
import { ofShop } from "./of_shop.js";
import { Taking } from "./taking.js";
import { TimesOfDay } from "./times_of_day.js";

/** @typedef {import("../shapes.js").Appointment} Appointment */
/** @typedef {import("../shapes.js").Moving} Moving */
/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */
/** @typedef {import("../page.js").Page} Page */

export const MoveScreen = ofShop(({ state, page, shop }) => {
  const mine = state.mine.value;
  const { code } = state.route;
  const appointment = mine?.upcoming.find((one) => one.code === code);
  if (appointment === undefined || ownIsComing(state)) {
    return html`<${NotHere} state=${state} page=${page} title=${t("move.title")} />`;
  }
  if (appointment.move === null) return html`<${TooLate} shop=${shop} code=${code} />`;
  const moving = mine?.moving?.code === code ? mine.moving : null;
  return html`
    <h1 tabindex="-1">${t("move.title")}</h1>
    <section class="card">
      <h2 class="label">${t("move.now")}</h2>
      <${When} wall=${appointment.wall} at=${appointment.at} state=${state} shop=${shop} />
    </section>
    ${moving === null || !state.route.query.ask
      ? html`
        ${moving && html`<${Begun} state=${state} moving=${moving} />`}
        <${Taking} state=${state} page=${page} shop=${shop} />
        <${TimesOfDay} state=${state} page=${page} shop=${shop} yours=${appointment.wall} keeps=${true}
          onTake=${(/** @type {string} */ wall) => void ask(page, shop, appointment, wall)} />`
      : html`<${Ask} state=${state} page=${page} shop=${shop} appointment=${appointment} moving=${moving} />`}
  `;
});

/** @param {{shop: ShopPlace, code: string}} props */
const TooLate = ({ shop, code }) => html`
  <${Empty} icon="calendar" title=${t("move.title")} text=${t("move.not")}>
    <a class="button main" href=${addressOf("chat", { shop: shop.id })}>${t("shop.ask")}</a>
    <a class="button plain" href=${addressOf("booked", { shop: shop.id, code })}>${t("page.back")}</a>
  <//>
`;

/**
 * Ask for the new time: the shop keeps it while one says yes.
 *
 * @param {Page} page
 * @param {ShopPlace} shop
 * @param {Appointment} appointment
 * @param {string} wall
 */
async function ask(page, shop, appointment, wall) {
  const command = `${appointment.move} ${wall.replace("T", " ")}`;
  const { code } = appointment;
  const reached = (/** @type {import("../shapes.js").Mine} */ mine) =>
    (mine.moving?.code === code && mine.moving.toWall === wall) ||
    mine.upcoming.some((one) => one.code === code && one.wall === wall);
  if (!(await page.acts.do("take", wall, shop, command, reached))) return;
  const { mine: { value: now }, route } = page.store.get();
  if (now?.moving?.code !== code) return arrive(page, shop, code);
  if (route.name !== "move" || route.code !== code) return;
  page.router.go(asking(route));
  window.scrollTo(0, 0);
}

/** The question is a step of its own: "back" leads to the times. @param {import("../router.js").Route} route */
const asking = ({ path, query }) => `${path}?${new URLSearchParams({ ...query, ask: "1" })}`;

/** A question that was not answered yet. @param {{state: import("../shapes.js").PageState, moving: Moving}} props */
const Begun = ({ state, moving }) => html`
  <section class="strip" aria-label=${t("move.to")}>
    <p class="grow">
      ${t("move.to")}: <strong>${shortDay(moving.toWall, state.language)} ${timeOf(moving.toWall)}</strong>
    </p>
    <a class="button main" href=${asking(state.route)}>${t("held.continue")}</a>
  </section>
`;

/**
 * @param {{state: import("../shapes.js").PageState, page: Page, shop: ShopPlace, appointment: Appointment, moving: Moving}}
 *   props
 */
function Ask({ state, page, shop, appointment, moving }) {
  const act = actOf(state, "", "move", "release");
  const going = isGoing(act);
  return html`
    <section class="card raised" aria-label=${t("move.to")}>
      <h2 class="label">${t("move.to")}</h2>
      <${When} wall=${moving.toWall} at=${moving.toAt} state=${state} shop=${shop} />
    </section>
    ${cameToNothing(act, "move", "release") && html`<${Nothing} act=${act} />`}
    <div class="thumb">
      <button type="button" class="button main wide" aria-disabled=${going}
        onClick=${() => void (!going && move(page, shop, appointment, moving))}>
        ${going ? underWay(state, t("move.sending")) : t("move.yes")}
      </button>
      <button type="button" class="button plain wide" aria-disabled=${going}
        onClick=${() => void (!going && keep(page, shop, appointment, moving))}>
        ${t("move.keep")}
      </button>
    </div>
  `;
}

/** @param {Page} page @param {ShopPlace} shop @param {Appointment} appointment @param {Moving} moving */
async function move(page, shop, appointment, moving) {
  const { code } = appointment;
  const reached = (/** @type {import("../shapes.js").Mine} */ mine) =>
    mine.upcoming.some((one) => one.code === code && one.wall === moving.toWall);
  if (moving.confirm !== null && (await page.acts.do("move", code, shop, moving.confirm, reached))) arrive(page, shop, code);
}

/** @param {Page} page @param {ShopPlace} shop @param {Appointment} appointment @param {Moving} moving */
async function keep(page, shop, appointment, moving) {
  const { code } = appointment;
  await page.acts.do("release", code, shop, moving.keep, (mine) => mine.moving?.code !== code);
  page.router.back(addressOf("booked", { shop: shop.id, code }), 2); // over the times
}

/** It is moved: show and say so. @param {Page} page @param {ShopPlace} shop @param {string} code */
function arrive(page, shop, code) {
  const { mine, language } = page.store.get();
  const moved = mine.value?.upcoming.find((one) => one.code === code);
  page.router.go(addressOf("booked", { shop: shop.id, code }), { replace: true });
  page.store.set({ act: { name: "moved", target: code, state: "done", code: "", words: "" } });
  if (moved) page.say(t("booked.said_moved", { day: longDay(moved.wall, language), time: timeOf(moved.wall) }));
}
