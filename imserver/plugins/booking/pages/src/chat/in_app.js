/** What a page says inside another app. */

import { Notice } from "../parts/notice.js";
import { html, useState } from "../view.js";
import { appOf } from "./apps.js";
import { copy } from "./copy.js";
import { c } from "../words/chat.js";

/** @param {{agent?: string}} props */
export function InAppNotice({ agent = navigator.userAgent }) {
  const [hidden, setHidden] = useState(false);
  const [copied, setCopied] = useState("");
  const app = appOf(agent);
  if (app === null || hidden) return null;
  const take = async () => setCopied((await copy(location.href)) ? c("copied") : c("copy_failed"));
  return html`
    <${Notice} title=${c("in_app.title")}>
      <p>${c("in_app.text", { app })}</p>
      <div class="row">
        <button type="button" class="button" onClick=${take}>${c("in_app.copy")}</button>
        <button type="button" class="button plain" onClick=${() => setHidden(true)}>${c("in_app.hide")}</button>
      </div>
      <p role="status" class="small">${copied}</p>
    <//>
  `;
}
