/**
 * Which screen stands at which address. Those of a booking are there before the first tap: each is smaller than the wait for it.
 * The others come together, when somebody goes to one of them.
 */

import { Waiting } from "../parts/notice.js";
import { part } from "../parts.js";
import { html, useEffect, useState } from "../view.js";
import { t } from "../words/index.js";
import { BookedScreen } from "./booked.js";
import { CancelScreen } from "./cancel.js";
import { MineScreen } from "./mine.js";
import { MissingScreen } from "./missing.js";
import { MoveScreen } from "./move.js";
import { ShopScreen } from "./shop.js";
import { ShopsScreen } from "./shops.js";
import { TimeScreen } from "./time.js";
import { YouScreen } from "./you.js";

/** @typedef {(props: {state: import("../shapes.js").PageState, page: import("../page.js").Page}) => any} Screen */

/** @type {Record<string, Screen>} */
const SCREENS = {
  shops: ShopsScreen,
  shop: ShopScreen,
  time: TimeScreen,
  you: YouScreen,
  booked: BookedScreen,
  mine: MineScreen,
  move: MoveScreen,
  cancel: CancelScreen,
  chat: later((rest) => rest.ChatScreen),
  devices: later((rest) => rest.DevicesScreen),
  link: later((rest) => rest.LinkScreen),
  missing: MissingScreen,
};

/** @param {string} name */
export const screenOf = (name) => SCREENS[name] ?? MissingScreen;

/**
 * A screen that is fetched when it is first shown. A fetch that fails (off-line) says so and can be repeated.
 *
 * @param {(rest: typeof import("../chat/screens.js")) => Screen} which
 * @returns {Screen}
 */
function later(which) {
  /** @type {Screen | null} */
  let loaded = null;
  return function Later(props) {
    const [, drawAgain] = useState(0);
    const [failed, setFailed] = useState(false);
    const begin = () => {
      setFailed(false);
      part(() => import("../chat/screens.js")).then(
        (rest) => {
          loaded = which(rest);
          drawAgain((count) => count + 1);
        },
        () => setFailed(true),
      );
    };
    useEffect(() => void (loaded === null && begin()), []);
    if (loaded !== null) return html`<${loaded} ...${props} />`;
    if (!failed) return html`<div class="screen"><${Waiting} /></div>`;
    return html`
      <div class="screen">
        <h1 tabindex="-1">${t("failed.title")}</h1>
        <p>${t("failed.OFFLINE")}</p>
        <button type="button" class="button main" onClick=${() => props.page.reload()}>${t("line.reload")}</button>
      </div>
    `;
  };
}
