/**
 * Where a link for another phone leads (`/link#SECRET`). It says whose it is and waits for a tap: previews open links, too,
 * and must not use one up. The secret stands behind `#`, which no server and no log gets to see; it goes out of the address at
 * once.
 */

import { Empty, Notice } from "../parts/notice.js";
import { addressOf } from "../router.js";
import * as account from "../session.js";
import { html, useEffect, useState } from "../view.js";
import { named } from "../words/index.js";
import { InAppNotice } from "./in_app.js";
import { Undone, codeOf } from "./undone.js";
import { c } from "../words/chat.js";

/** @import { Line } from "../line/line.js" */

/** Codes of a secret that is used, old, or was never one. */
const DEAD = new Set(["GONE", "NOT_FOUND", "INVALID"]);

/** @param {{state: import("../shapes.js").PageState, page: import("../page.js").Page}} props */
export function LinkScreen({ state, page }) {
  const [secret, setSecret] = useState(() => location.hash.slice(1));
  const [doing, setDoing] = useState(false);
  const [failed, setFailed] = useState("");
  useEffect(() => {
    // Behind `#` another link is no new page to the browser: a good one, opened where a used one was, comes as this event.
    const take = () => {
      const given = location.hash.slice(1);
      if (!given) return;
      // Out of sight of whoever looks over a shoulder or takes a picture of the screen; the tap has it still.
      history.replaceState(history.state, "", location.pathname);
      setSecret(given);
      setFailed("");
    };
    take();
    addEventListener("hashchange", take);
    return () => removeEventListener("hashchange", take);
  }, []);
  const redeem = async () => {
    setDoing(true);
    try {
      const before = state.session;
      const session = await account.redeem(secret, { leave: state.session !== null }); // the notice above said so
      const line = /** @type {Line} */ (/** @type {unknown} */ (page.line));
      if (before !== null && before.userId !== session.userId) await line.leaveFor(session);
      const { roles } = /** @type {import("../shapes.js").Session} */ (session);
      location.replace(addressOf(roles?.includes("staff") ? "staff" : "mine"));
    } catch (error) {
      setFailed(codeOf(error));
      setDoing(false);
    }
  };
  const home = html`<a class="button" href=${addressOf("shops")}>${c("link.home")}</a>`;
  if (!secret || DEAD.has(failed)) {
    const [title, text] = secret ? [c("link.gone"), c("link.gone_text")] : [c("link.missing"), c("link.missing_text")];
    return html`<div class="screen"><${Empty} icon="alarm" title=${title} text=${text}>${home}<//></div>`;
  }
  return html`
    <div class="screen">
      <h1 tabindex="-1">${c("link.title")}</h1>
      <article class="card raised">
        <p class="lead">${named(state.chain.value?.name) || location.host}</p>
        <p class="small quiet">${c("link.whose", { host: location.host })}</p>
        <p>${c("link.text")}</p>
      </article>
      <${InAppNotice} />
      ${state.session !== null && html`<${Notice}>${c("link.instead")}<//>`}
      ${failed && html`<${Undone} title=${c("link.failed")} code=${failed} onRetry=${redeem} />`}
      ${!failed && html`
        <button type="button" class="button main wide" aria-disabled=${doing ? "true" : null}
          onClick=${() => !doing && redeem()}>
          ${doing ? c("link.doing") : c("link.yes")}
        </button>`}
    </div>
  `;
}
