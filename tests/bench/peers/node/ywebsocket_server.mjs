// @y/websocket-server, as its package starts it; ends in order when it is told to.
process.on("SIGTERM", () => process.exit(0));
await import("@y/websocket-server/server");
