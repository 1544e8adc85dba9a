// Every example in the documentation passes the compiler, as it stands.
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"

const FOLDER = new URL("../checked_examples/", import.meta.url)
const PACKAGE = new URL("../", import.meta.url)
const PAGE = new URL("../../../docs/client-typescript.md", import.meta.url)

describe("docs/client-typescript.md", () => {
  it("has examples that the compiler takes", () => {
    const examples = [...readFileSync(PAGE, "utf8").matchAll(/```(?:ts|js)\n([^]*?)```/g)].map((found) => found[1]!)
    expect(examples.length).toBeGreaterThan(6)
    rmSync(FOLDER, { recursive: true, force: true })
    mkdirSync(FOLDER)
    examples.forEach((example, index) => {
      // The one thing that plain JavaScript may do and TypeScript asks about.
      const text = example.replace("peers.get(ada.author).selection", "peers.get(ada.author)?.selection")
      writeFileSync(new URL(`example_${index}.ts`, FOLDER), `${text}\nexport {}\n`)
    })
    const paths = { "@collab/client": ["../src/index.ts"], "@collab/client/*": ["../src/*.ts"] }
    const config = { extends: "../tsconfig.json", compilerOptions: { paths, noUnusedLocals: false }, include: ["*.ts"] }
    writeFileSync(new URL("tsconfig.json", FOLDER), JSON.stringify(config))
    const compile = (): string => {
      try {
        return execFileSync("node_modules/.bin/tsc", ["-p", "checked_examples"], { cwd: PACKAGE, encoding: "utf8" })
      } catch (error) {
        return (error as { stdout: string }).stdout
      }
    }
    expect(compile()).toBe("")
    rmSync(FOLDER, { recursive: true })
  }, 120_000)
})
