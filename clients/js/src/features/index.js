/**
 * What `client.NAME` offers beside conversations, messages and members: one line for each feature.
 *
 * A feature has a module of its own here, which sees the client through a port alone, and no other feature. Its name is that of
 * the server's feature, in WELCOME and in the maps of state.
 */

import { Blocking } from "./blocks.js";
import { Edits } from "./edits.js";
import { Reacting } from "./reactions.js";
import { Typists } from "./typing.js";

/** @param {import("../core/feature_ports.js").FeaturePorts} ports */
export const makeFeatures = (ports) => ({
  blocks: new Blocking(ports.make("blocks")),
  edits: new Edits(ports.make("edits")),
  reactions: new Reacting(ports.make("reactions")),
  typing: new Typists(ports.make("typing")),
});

/** @typedef {ReturnType<typeof makeFeatures>} Features */
