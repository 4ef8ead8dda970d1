/** What the page takes of the JavaScript client: loaded at the first act, never before. */

export { CloseCode, Stopped } from "../../../../../../clients/js/src/errors.js";
export { joinTabs } from "../../../../../../clients/js/src/tabs/connect.js";
export { directConversationId } from "../../../../../../clients/js/src/wire/ids.js";
