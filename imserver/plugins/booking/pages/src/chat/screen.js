/** The chat: the one conversation in which the shop's bot and people speak, with the next appointment on top. */

import { Failed, Waiting } from "../parts/notice.js";
import { Beside } from "../parts/place.js";
import { html, useLayoutEffect } from "../view.js";
import { c } from "../words/chat.js";
import { named, t } from "../words/index.js";
import { fillWindow } from "./hooks.js";
import { InAppNotice } from "./in_app.js";
import { LineNotice } from "./line_notice.js";
import { ownWords, theirWords } from "./own_words.js";
import { Strip } from "./strip.js";
import { Thread } from "./thread.js";

/** @import { Line } from "../line/line.js" */
/** @import { Side } from "./thread.js" */

/** @typedef {import("../shapes.js").PageState} PageState */
/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../shapes.js").ShopPlace} ShopPlace */

/** @param {{state: PageState, page: Page}} props */
export function ChatScreen({ state, page }) {
  useLayoutEffect(() => fillWindow(), []);
  const shop = page.shop(state);
  if (shop === null && state.chain.state === "failed") {
    const again = () => page.readings.refresh();
    return html`<div class="screen"><${Failed} title=${t("shops.failed")} code=${state.chain.code} onRetry=${again} /></div>`;
  }
  if (shop === null) return html`<div class="screen"><${Waiting} /></div>`;
  return html`
    <div class="with-shop chat-place">
      <${Beside} shop=${shop} />
      <${Chat} key=${shop.id} state=${state} page=${page} shop=${shop} />
    </div>
  `;
}

/** @param {{state: PageState, page: Page, shop: ShopPlace}} props */
function Chat({ state, page, shop }) {
  const line = /** @type {Line} */ (/** @type {unknown} */ (page.line));
  /** @type {Side} */
  const side = {
    acts: {
      ownWords: (text, { from }) => from !== "own" ? theirWords(text) : ownWords(text, { shop, ages: state.chain.value?.ages ?? [], language: state.language }),
      tickWords: (tick) => c(`tick.${tick}`),
      who: ({ from, name }) => (from === "own" ? c("chat.you") : name || c("chat.shop")),
    },
  };
  return html`
    <section class="chat screen">
      <h1 class="spoken" tabindex="-1">${c("chat.title", { shop: named(shop.name) })}</h1>
      <${LineNotice} line=${line} page=${page} />
      <${Strip} state=${state} shop=${shop} />
      <${InAppNotice} />
      <${Thread} state=${state} page=${page} line=${line} shop=${shop} id=${line.conversationOf(shop)}
        before=${line.client()?.direct(shop.bot) ?? ""} to=${named(shop.name)} draft=${shop.id} side=${side}
        empty=${{ title: c("chat.empty"), text: c("chat.empty_text") }} />
    </section>
  `;
}
