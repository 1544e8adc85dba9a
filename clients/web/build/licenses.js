// Gathers the licenses of everything that ends up in the bundle into licenses.txt, as they ask for.
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"

const LICENSE_FILE = /^licen[sc]e/i

export function licenses() {
  return {
    name: "collab-licenses",
    apply: "build",
    generateBundle(_options, bundle) {
      const folders = new Set()
      for (const output of Object.values(bundle)) {
        const origins = output.type === "chunk" ? output.moduleIds : output.originalFileNames
        for (const origin of origins) addPackageOf(origin, folders)
      }
      const texts = [...folders].map(licenseIn).sort()
      this.emitFile({ type: "asset", fileName: "licenses.txt", source: texts.join("\n") })
    },
  }
}

function addPackageOf(origin, folders) {
  const match = /^(?:\0)?(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(origin)
  if (match !== null) folders.add(match[1])
}

function licenseIn(folder) {
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const file = readdirSync(folder).find((name) => LICENSE_FILE.test(name))
  const path = file === undefined ? "" : join(folder, file)
  const text = existsSync(path) ? readFileSync(path, "utf8").trim() : `License: ${about.license}`
  return `${about.name} ${about.version}\n${"-".repeat(60)}\n${text}\n`
}
