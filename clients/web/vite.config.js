import { defineConfig } from "vite"
import { buildRecord } from "./build/record.js"
import { licenses } from "./build/licenses.js"

// The server to develop against: `make run` in another terminal, then `npm run dev` here.
const server = process.env.COLLAB_URL ?? "http://127.0.0.1:8000"

export default defineConfig({
  build: {
    outDir: "../../collab/web/static",
    emptyOutDir: true,
    assetsDir: "assets",
    assetsInlineLimit: 0, // the content security policy has no data: addresses
    manifest: "manifest.json",
    target: "es2022",
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
  plugins: [licenses(), buildRecord(import.meta.dirname)],
  server: {
    proxy: {
      "/v1": server,
      "/yjs": { target: server, ws: true },
    },
  },
})
