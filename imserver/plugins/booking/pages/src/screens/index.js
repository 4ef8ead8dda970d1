/** Which screen stands at which address. Those that a booking does not need are loaded when somebody goes there. */

import { Waiting } from "../parts/notice.js";
import { part } from "../parts.js";
import { html, useEffect, useState } from "../view.js";
import { t } from "../words/index.js";
import { MissingScreen } from "./missing.js";
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
  booked: later(() => import("./booked.js").then((module) => module.BookedScreen)),
  mine: later(() => import("./mine.js").then((module) => module.MineScreen)),
  move: later(() => import("./move.js").then((module) => module.MoveScreen)),
  cancel: later(() => import("./cancel.js").then((module) => module.CancelScreen)),
  chat: later(() => import("../chat/screen.js").then((module) => module.ChatScreen)),
  devices: later(() => import("../chat/devices.js").then((module) => module.DevicesScreen)),
  link: later(() => import("../chat/link.js").then((module) => module.LinkScreen)),
  missing: MissingScreen,
};

/** @param {string} name */
export const screenOf = (name) => SCREENS[name] ?? MissingScreen;

/**
 * A screen that is fetched when it is first shown. A fetch that fails (off-line, a newer server) says so and can be repeated.
 *
 * @param {() => Promise<Screen>} load
 * @returns {Screen}
 */
function later(load) {
  /** @type {Screen | null} */
  let loaded = null;
  return function Later(props) {
    const [, drawAgain] = useState(0);
    const [failed, setFailed] = useState(false);
    const begin = () => {
      setFailed(false);
      part(load).then(
        (screen) => {
          loaded = screen;
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
