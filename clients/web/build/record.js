// Writes build.json beside the built files: a digest of the sources they were made of, one of the
// client's sources, and one of each file itself, so that tests/unit/web/test_static.py can tell
// without Node whether they belong together. A digest is over the sorted paths: path, NUL, content,
// NUL.
import { createHash } from "node:crypto"
import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join, relative, sep } from "node:path"

const RECORD = "build.json"
const NOT_SOURCES = new Set(["node_modules", ".gitignore", "README.md"])

export function buildRecord(root, client) {
  let outDir = ""
  return {
    name: "collab-build-record",
    apply: "build",
    configResolved(config) {
      outDir = join(config.root, config.build.outDir)
    },
    closeBundle() {
      const built = filesIn(outDir).filter((path) => path !== RECORD)
      const record = {
        sources: digest(root, filesIn(root, NOT_SOURCES)),
        client: digest(client, filesIn(client)),
        files: Object.fromEntries(built.map((path) => [path, digest(outDir, [path])])),
      }
      writeFileSync(join(outDir, RECORD), JSON.stringify(record, null, 2) + "\n")
    },
  }
}

function filesIn(folder, except = new Set()) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !except.has(path.split("/")[0]))
    .sort()
}

function digest(folder, paths) {
  const hash = createHash("sha256")
  for (const path of paths) {
    hash.update(path + "\0").update(readFileSync(join(folder, path))).update("\0")
  }
  return hash.digest("hex")
}
