/** The strip of a held time: which it is, how long it stays, and more time for whoever needs it (WCAG 2.2.1). */

import { actOf, isGoing } from "../acts.js";
import { minutesAndSeconds } from "../clock.js";
import { shortDay, timeOf } from "../dates.js";
import { addressOf } from "../router.js";
import { html, useEffect, useState } from "../view.js";
import { t } from "../words/index.js";
import { Icon } from "./icon.js";

/** @typedef {import("../shapes.js").Held} Held */
/** @typedef {import("../page.js").Page} Page */

/** From here on the button is the thing to see, and a screen reader is told once. Seconds. */
const SOON = 60;

/**
 * Whole seconds until an instant of the server's clock (0 without one), drawn anew as they pass.
 *
 * @param {Page} page
 * @param {number | null} until
 */
export function useSeconds(page, until) {
  const [, drawAgain] = useState(0);
  useEffect(() => {
    if (until === null) return;
    const timer = setInterval(() => drawAgain((count) => count + 1), 500);
    return () => clearInterval(timer);
  }, [until]);
  return until === null ? 0 : page.clock.secondsTo(until);
}

/**
 * How long it stays, and the button for more when it matters.
 *
 * @param {object} props
 * @param {Held} props.held
 * @param {Page} props.page
 * @param {import("../shapes.js").PageState} props.state
 * @param {any} [props.children]  What it is about.
 */
export function HoldLeft({ held, page, state, children }) {
  const left = useSeconds(page, held.until);
  const soon = left <= SOON;
  useEffect(() => {
    if (soon && held.more !== null) page.say(t("held.one_minute"));
  }, [soon]);
  const shop = state.chain.value?.shops.find((one) => one.id === held.shop);
  const extending = isGoing(actOf(state, held.code, "more"));
  return html`
    <div class="between hold">
      <span class="grow">
        ${children}
        <span class=${soon ? "left soon" : "left"} role="timer" aria-live="off">
          ${t("held.left", { left: minutesAndSeconds(left) })}
        </span>
      </span>
      ${shop && held.more !== null && (soon || extending) && html`
        <button type="button" class="button" aria-disabled=${extending} onClick=${() => more(page, shop, held)}>
          ${t("held.more")}
        </button>`}
    </div>
  `;
}

/**
 * A held time on a screen that is about something else: it leads back to where one goes on.
 *
 * @param {{held: Held, page: Page, state: import("../shapes.js").PageState}} props
 */
export const HoldStrip = ({ held, page, state }) => html`
  <section class="strip" aria-label=${t("held.for_you")}>
    <${Icon} name="clock" />
    <div class="grow">
      <${HoldLeft} held=${held} page=${page} state=${state}>
        <strong>${shortDay(held.wall, state.language)} ${timeOf(held.wall)}</strong>
      <//>
    </div>
    <a class="button main" href=${addressOf("you", { shop: held.shop })}>${t("held.continue")}</a>
  </section>
`;

/** @param {Page} page @param {import("../shapes.js").ShopPlace} shop @param {Held} held */
async function more(page, shop, held) {
  const done = await page.acts.do("more", held.code, shop, held.more ?? "", (mine) => {
    return mine.held?.code === held.code && mine.held.until > held.until;
  });
  if (done) page.say(t("held.extended"));
}
