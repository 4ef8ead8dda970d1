/** What a page says inside another app: such a browser has a store of its own, forgets it, and takes no reminders. */

import { Notice } from "../parts/notice.js";
import { html, useState } from "../view.js";
import { copy } from "./copy.js";
import { c } from "./words.js";

/** Apps that open links in themselves, by what their browser calls itself. The name is for people. */
const APPS = /** @type {const} */ ([
  [/MicroMessenger/i, "微信 WeChat"],
  [/\bQQ\//i, "QQ"],
  [/Weibo/i, "微博 Weibo"],
  [/AlipayClient/i, "支付宝 Alipay"],
  [/DingTalk/i, "钉钉 DingTalk"],
  [/Instagram/i, "Instagram"],
  [/FBA[NV]/i, "Facebook"],
  [/\bLine\//i, "LINE"],
]);

/** The app that this is inside; null: a browser. @param {string} agent */
export const appOf = (agent) => APPS.find(([pattern]) => pattern.test(agent))?.[1] ?? null;

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
