/** An address that is none. */

import { Empty } from "../parts/notice.js";
import { addressOf } from "../router.js";
import { html } from "../view.js";
import { t } from "../words/index.js";

export const MissingScreen = () => html`
  <div class="screen">
    <${Empty} icon="info" title=${t("missing.title")} text=${t("missing.text")}>
      <a class="button main" href=${addressOf("shops")}>${t("missing.home")}</a>
    <//>
  </div>
`;
