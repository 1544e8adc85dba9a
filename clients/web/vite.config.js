import { join } from "node:path"
import { defineConfig } from "vite"
import { buildRecord } from "./build/record.js"
import { licenses } from "./build/licenses.js"

// The server to develop against: `make run` in another terminal, then `npm run dev` here.
const server = process.env.COLLAB_URL ?? "http://127.0.0.1:8000"

/** Our own client is bundled from its sources, so that there is nothing to be built before. */
const client = join(import.meta.dirname, "../typescript/src")

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@collab\/client$/, replacement: join(client, "index.ts") },
      { find: /^@collab\/client\/(.+)$/, replacement: join(client, "$1.ts") },
    ],
    // What it shares with the pages is installed here.
    dedupe: ["quill-delta", "quill", "@codemirror/state", "@codemirror/view", "@codemirror/commands"],
  },
  build: {
    outDir: "../../collab/web/static",
    emptyOutDir: true,
    assetsDir: "assets",
    assetsInlineLimit: 0, // the content security policy has no data: addresses
    manifest: "manifest.json",
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // the first with light-dark()
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  // collab/web/pages.py puts a fresh nonce in its place for every answer.
  html: { cspNonce: "{{nonce}}" },
  plugins: [licenses(), buildRecord(import.meta.dirname, client)],
  server: {
    proxy: {
      "/v1": { target: server, ws: true },
      "/yjs": { target: server, ws: true },
      "/hocuspocus": { target: server, ws: true },
    },
  },
})
