// Hocuspocus with its defaults; with the name of a file as argument it stores documents there.
import { SQLite } from "@hocuspocus/extension-sqlite";
import { Server } from "@hocuspocus/server";

const file = process.argv[2];
process.on("SIGTERM", () => process.exit(0));
await new Server({
  address: process.env.HOST,
  port: Number(process.env.PORT),
  quiet: true,
  stopOnSignals: false,
  extensions: file ? [new SQLite({ database: file })] : [],
}).listen();
