/** The screens that a booking does not need: they are loaded together, when somebody goes to one of them. */

import "../screens/shared.js";

export { DevicesScreen } from "./devices.js";
export { LinkScreen } from "./link.js";
export { ChatScreen } from "./screen.js";
