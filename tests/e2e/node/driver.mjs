// A browser on a leash: reads one JSON command a line from stdin, answers with one line each.
//
//   {"do": "window", "options": {...}}                   a new window of its own (cookies, storage)
//   {"do": "call", "window": 0, "on": ".pill", "has": "Live", "method": "waitFor", "with": []}
//       calls a method of the page, or, with `on`, of the first element there that has the text
//   {"do": "keyboard", "window": 0, "method": "type", "with": ["text"]}
//   {"do": "together", "commands": [...]}                several commands at the same time
//   {"do": "begin", "commands": [...]}                   the same, without waiting for their end
//   {"do": "finish"}                                     waits for the end of what was begun
//   {"do": "faults", "window": 0}                        what axe-core finds wrong with the page, seriously
//   {"do": "complaints", "window": 0}                    what its console said of errors, so far
//   {"do": "close"}                                      closes all windows; their numbers stay taken
//
// The answer is {"result": ...} or {"error": "..."}. It ends, with the browser, when stdin does.
import { createInterface } from "node:readline"
import axe from "axe-core"
import { chromium } from "playwright-core"

const [executablePath, userDataDir] = process.argv.slice(2)
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]

const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: [...FLAGS, `--disk-cache-dir=${userDataDir}`],
})
const windows = []
let open = 0 // the first that has not been closed
let begun = Promise.resolve()

async function openWindow({ timeout = 15000, ...options } = {}) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.setDefaultTimeout(timeout)
  const complaints = []
  page.on("pageerror", (error) => complaints.push(String(error)))
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text())
  })
  page.on("dialog", (dialog) => void dialog.accept())
  windows.push({ context, page, complaints })
  return windows.length - 1
}

async function run(command) {
  if (command.do === "window") return openWindow(command.options)
  if (command.do === "together") return Promise.all(command.commands.map(run))
  if (command.do === "begin") {
    begun = Promise.all(command.commands.map(run))
    begun.catch(() => {}) // told by "finish"
    return null
  }
  if (command.do === "finish") {
    await begun
    return null
  }
  if (command.do === "close") {
    await Promise.all(windows.slice(open).map(({ context }) => context.close()))
    open = windows.length
    return null
  }
  const { page, complaints } = windows[command.window]
  switch (command.do) {
    case "complaints":
      return complaints
    case "faults": {
      await page.evaluate(axe.source)
      const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }))
      return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`)
    }
    case "keyboard":
      return page.keyboard[command.method](...command.with)
    case "call": {
      const filter = command.has === undefined ? {} : { hasText: command.has }
      const target = command.on === undefined ? page : page.locator(command.on, filter).first()
      const result = await target[command.method](...command.with)
      return ["string", "number", "boolean"].includes(typeof result) || Array.isArray(result)
        ? result
        : null
    }
    default:
      throw new Error(`no such command: ${command.do}`)
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    answer = { result: (await run(JSON.parse(line))) ?? null }
  } catch (error) {
    answer = { error: String(error) }
  }
  process.stdout.write(JSON.stringify(answer) + "\n")
}
await browser.close()
