// ShareDB over websockets with its stores in memory, as its documentation sets it up.
import http from "node:http";
import WebSocketJSONStream from "@teamwork/websocket-json-stream";
import richText from "rich-text";
import ShareDB from "sharedb";
import { WebSocketServer } from "ws";

ShareDB.types.register(richText.type);
const backend = new ShareDB();
const server = http.createServer();
new WebSocketServer({ server }).on("connection", (socket) => {
  backend.listen(new WebSocketJSONStream(socket));
});
process.on("SIGTERM", () => process.exit(0));
server.listen(Number(process.env.PORT), process.env.HOST);
