/**
 * A link that makes another phone one of this person's: as a QR code, and as an address to copy. Good once, for ten minutes.
 */

import * as account from "../session.js";
import { html, useEffect, useState } from "../view.js";
import { copy } from "./copy.js";
import { ChatIcon } from "./icons.js";
import { watchJoining } from "./joined.js";
import { moment } from "./moment.js";
import { Undone, codeOf } from "./undone.js";
import { c } from "../words/chat.js";

/** @typedef {{address: string, expiresAt: number, qrSvg?: string}} Link */

/** @param {{state: import("../shapes.js").PageState, page: import("../page.js").Page}} props */
export function OtherPhone({ state, page }) {
  const [link, setLink] = useState(/** @type {Link | null} */ (null));
  const [over, setOver] = useState(false);
  const [failed, setFailed] = useState("");
  const [making, setMaking] = useState(false);
  useEffect(() => {
    if (link === null) return;
    const timer = setTimeout(() => setOver(true), Math.max(0, link.expiresAt - page.clock.now()));
    return () => clearTimeout(timer);
  }, [link]);
  useEffect(() => (link === null || over ? undefined : watchJoining(() => setLink(null))), [link, over]);
  const make = async () => {
    setMaking(true);
    try {
      setLink(await account.makeLink());
      setOver(false);
      setFailed("");
    } catch (error) {
      setFailed(codeOf(error));
    }
    setMaking(false);
  };
  const take = async () => page.say((await copy(link?.address ?? "")) ? c("copied") : c("copy_failed"));
  const stands = link !== null && !over;
  return html`
    <section class="card" aria-label=${c("other.title")}>
      <h2>${c("other.title")}</h2>
      <p>${c("other.text")}</p>
      ${stands && html`
        ${link.qrSvg && html`
          <div class="qr"><img src=${`data:image/svg+xml,${encodeURIComponent(link.qrSvg)}`} alt=${c("other.qr")} /></div>`}
        <code class="address">${link.address}</code>
        <p class="small quiet">${c("other.until", { time: moment(link.expiresAt, state.language) })} · ${c("other.warn")}</p>
        <button type="button" class="button" onClick=${take}><${ChatIcon} name="copy" />${c("other.copy")}</button>`}
      ${over && html`<p role="status">${c("other.over")}</p>`}
      ${failed && html`<${Undone} title=${c("devices.act_failed")} code=${failed} onRetry=${make} />`}
      ${!failed && html`
        <button type="button" class=${stands ? "button plain" : "button"} aria-disabled=${making ? "true" : null}
          onClick=${() => !making && make()}>${link === null ? c("other.make") : c("other.again")}</button>`}
    </section>
  `;
}
