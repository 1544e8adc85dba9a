// y-websocket's own server, as its package starts it; ends in order when it is told to.
import { createRequire } from "node:module";

process.on("SIGTERM", () => process.exit(0));
createRequire(import.meta.url)("./node_modules/y-websocket/bin/server.cjs");
