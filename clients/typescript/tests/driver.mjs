// Holds documents of the built client and does with them what a test says.
//
// stdin: one JSON object per line, {id, do, ...}; stdout: {id, result} or {id, error} for each, as soon
// as it is done. `client` is a name the test chose.

import { createInterface } from "node:readline"
import { connect } from "../dist/index.js"

const PATIENCE = 60_000
const documents = new Map()

/** A websocket as a network gives it that lets none through. */
class Blocked extends EventTarget {
  bufferedAmount = 0

  constructor() {
    super()
    Blocked.count++
    setTimeout(() => this.onclose?.({ code: 1006, reason: "" }))
  }

  close() {}
}
Blocked.count = 0

function find(name) {
  const found = documents.get(name)
  if (found === undefined) throw new Error(`no client is called ${name}`)
  return found
}

/** Until something is true of a document, which is looked at whenever the document has news. */
function until(name, isTrue) {
  const { doc } = find(name)
  return new Promise((resolve, reject) => {
    const stops = []
    const done = (end) => {
      clearTimeout(timer)
      for (const stop of stops) stop()
      end()
    }
    const timer = setTimeout(
      () => done(() => reject(new Error(`never so: ${JSON.stringify(standing(name))}`))),
      PATIENCE,
    )
    const look = () => isTrue(doc) && done(resolve)
    for (const event of ["state", "change", "presence", "access"]) stops.push(doc.on(event, look))
    look()
  })
}

function standing(name) {
  const { doc, errors, asked } = find(name)
  const { state, saved, access, text, version, failure } = doc
  return { state, saved, access, text, version, failure: failure?.code ?? null, errors, asked }
}

const COMMANDS = {
  /** `tokens`: one for each connection, the last again and again. */
  async open({ client, url, document, tokens, ...options }) {
    const held = { doc: null, errors: [], asked: 0 }
    const token = tokens && (() => tokens[Math.min(held.asked++, tokens.length - 1)])
    held.doc = await connect(url, document, { ...options, token: token ?? null })
    held.doc.on("error", (error) => held.errors.push(error.code))
    documents.set(client, held)
    return held.doc.type
  },

  edit({ client, operation }) {
    find(client).doc.edit(operation)
  },

  /** Insert texts one after the other, each at a place that its number makes up. */
  type({ client, texts }) {
    const { doc } = find(client)
    for (const text of texts) {
      let at = (text.length * 7919 + doc.version * 31 + doc.text.length) % (doc.text.length + 1)
      if (/[\udc00-\udfff]/.test(doc.text[at] ?? "")) at--
      doc.insert(at, text)
    }
  },

  async flush({ client }) {
    await find(client).doc.flush()
  },

  standing: ({ client }) => standing(client),
  contents: ({ client }) => find(client).doc.contents.ops,
  state: ({ client, state }) => until(client, (doc) => doc.state === state),
  text: ({ client, text }) => until(client, (doc) => doc.text === text),

  show({ client, state, selection }) {
    find(client).doc.presence.set(state, selection)
  },

  async sees({ client, name, selection }) {
    await until(client, (doc) =>
      [...doc.presence.peers.values()].some(
        (peer) => peer.state.name === name && JSON.stringify(peer.selection) === JSON.stringify(selection),
      ),
    )
  },

  /** From now on no websocket comes about. */
  block() {
    globalThis.WebSocket = Blocked
  },

  /** How many have been tried since. */
  blocked: () => Blocked.count,

  close({ client }) {
    find(client).doc.close()
    documents.delete(client)
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, do: name, ...rest } = JSON.parse(line)
  const answer = (value) => process.stdout.write(`${JSON.stringify({ id, ...value })}\n`)
  try {
    answer({ result: (await COMMANDS[name](rest)) ?? null })
  } catch (error) {
    answer({ error: error.code ? `${error.code}: ${error.message}` : String(error) })
  }
}
process.exit(0)
