/** The strip of a held time: which it is, how long it stays, and more time for whoever needs it (WCAG 2.2.1). */

import { minutesAndSeconds } from "../clock.js";
import { shortDay, timeOf } from "../dates.js";
import { html, useEffect, useState } from "../view.js";
import { t } from "../words/index.js";
import { Icon } from "./icon.js";

/** @typedef {import("../shapes.js").Held} Held */
/** @typedef {import("../page.js").Page} Page */

/** From here on the button is the thing to see, and a screen reader is told once. Seconds. */
const SOON = 60;

/** Whole seconds until an instant of the server's clock, drawn anew each second; null without an end. @param {Page} page @param {number | null} until */
export function useSeconds(page, until) {
  const [, drawAgain] = useState(0);
  useEffect(() => {
    if (until === null) return;
    const timer = setInterval(() => drawAgain((count) => count + 1), 500);
    return () => clearInterval(timer);
  }, [until]);
  return until === null ? null : page.clock.secondsTo(until);
}

/**
 * @param {object} props
 * @param {Held} props.held
 * @param {Page} props.page
 * @param {import("../shapes.js").PageState} props.state
 * @param {any} [props.children]  What else one can do about it.
 */
export function HoldStrip({ held, page, state, children }) {
  const left = useSeconds(page, held.until);
  const soon = left !== null && left <= SOON;
  useEffect(() => {
    if (soon && held.more !== null) page.say(t("held.one_minute"));
  }, [soon]);
  const shop = state.chain.value?.shops.find((one) => one.id === held.shop);
  const extending = state.act?.name === "more" && (state.act.state === "sending" || state.act.state === "slow");
  return html`
    <section class="strip hold" aria-label=${t("held.for_you")}>
      <${Icon} name="clock" />
      <div class="grow">
        <strong>${shortDay(held.wall, state.language)} ${timeOf(held.wall)}</strong>
        ${left !== null && html`<span class=${soon ? "left soon" : "left"} role="timer" aria-live="off">
          ${t("held.left", { left: minutesAndSeconds(left) })}</span>`}
      </div>
      ${shop && held.more !== null && left !== null && (soon || extending) && html`
        <button type="button" class="button" aria-disabled=${extending} onClick=${() => more(page, shop, held)}>${t("held.more")}</button>`}
      ${children}
    </section>
  `;
}

/** @param {Page} page @param {import("../shapes.js").ShopPlace} shop @param {Held} held */
async function more(page, shop, held) {
  const done = await page.acts.do("more", held.code, shop, held.more ?? "", (mine) => {
    return mine.held?.code === held.code && mine.held.until > held.until;
  });
  if (done) page.say(t("held.extended"));
}
