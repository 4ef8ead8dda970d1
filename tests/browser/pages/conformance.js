/** The JavaScript client in a page, as the judge of clients drives it. `say` is the driver's, which reads our lines. */

import { driving } from "/clients/js/examples/driven.js";
import { IndexedDBStorage } from "/clients/js/src/storage/indexeddb.js";
import { openWebSocket } from "/clients/js/src/transports/websocket.js";

window.answer = driving({
  say: (line) => window.say(line),
  storageOf: (store) => new IndexedDBStorage(store),
  transportOf: () => openWebSocket,
});
