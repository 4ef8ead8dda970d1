/** The imserver client: messages exactly once, through lost connections and restarts. */

export { Client, connect } from "./client.js";
export {
  Abandoned, CannotConnect, ClientError, CloseCode, Disconnected, Misuse, NotOffered, OutboxFull, RefusalCode, Refused,
  Stopped, StoreError, Undeliverable,
} from "./errors.js";
export { DEFAULT_CLIENT_LIMITS } from "./limits.js";
export { Message } from "./values.js";
export { directConversationId, groupConversationId } from "./wire/ids.js";
