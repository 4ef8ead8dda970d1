/**
 * Which screen stands at which address. Those of a booking are there before the first tap: each is smaller than the wait for it.
 * The others come in two parts, a customer's and the staff's, when somebody goes to one of them.
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

const rest = () => import("../chat/screens.js");
const staff = async () => {
  // Whoever is staff has an account: the client will be wanted, and is on its way by the time that the server says who it is.
  void part(() => import("../line/client.js")).catch(() => {});
  const loaded = await import("../staff/screens.js");
  await loaded.styled();
  return loaded;
};
const staffs = later(staff, ({ StaffScreen }) => StaffScreen, (body) => html`<main class="content" id="content">${body}</main>`);

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
  chat: later(rest, ({ ChatScreen }) => ChatScreen),
  devices: later(rest, ({ DevicesScreen }) => DevicesScreen),
  link: later(rest, ({ LinkScreen }) => LinkScreen),
  staff: staffs,
  staffInbox: staffs,
  staffGroup: staffs,
  staffToday: staffs,
  staffChat: staffs,
  missing: MissingScreen,
};

/** @param {string} name */
export const screenOf = (name) => SCREENS[name] ?? MissingScreen;

/**
 * A screen that is fetched when it is first shown. A fetch that fails (off-line) says so and can be repeated.
 *
 * @template Part
 * @param {() => Promise<Part>} load
 * @param {(loaded: Part) => Screen} which
 * @param {(body: any) => any} [within]  What stands around it meanwhile.
 * @returns {Screen}
 */
function later(load, which, within = (body) => body) {
  /** @type {Screen | null} */
  let loaded = null;
  return function Later(props) {
    const [, drawAgain] = useState(0);
    const [failed, setFailed] = useState(false);
    const begin = () => {
      setFailed(false);
      part(load).then(
        (came) => {
          loaded = which(came);
          drawAgain((count) => count + 1);
        },
        () => setFailed(true),
      );
    };
    useEffect(() => void (loaded === null && begin()), []);
    if (loaded !== null) return html`<${loaded} ...${props} />`;
    if (!failed) return within(html`<div class="screen"><${Waiting} /></div>`);
    return within(html`
      <div class="screen">
        <h1 tabindex="-1">${t("failed.title")}</h1>
        <p>${t("failed.OFFLINE")}</p>
        <button type="button" class="button main" onClick=${() => props.page.reload()}>${t("line.reload")}</button>
      </div>
    `);
  };
}
