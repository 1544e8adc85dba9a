// Every refusal in words, for people: what it is, and what they can do.
import type { Problem } from "./api"

export interface Words {
  readonly title: string
  readonly advice: string
}

const TOKEN_NEEDED: Words = {
  title: "This server needs a token",
  advice: "Paste the one you were given. It is kept for this tab only.",
}
const TOKEN_EXPIRED: Words = {
  title: "Your token has expired",
  advice: "Sign in with a new one to go on.",
}
const TOKEN_WRONG: Words = {
  title: "Your token does not hold here",
  advice: "It may be cut off, or made for another server. Sign in with another one.",
}
const NOT_FOUND: Words = {
  title: "There is no such document",
  advice: "It was deleted, it was never made, or it is none that you may know of.",
}
const TOO_LARGE: Words = {
  title: "That is too much for the server",
  advice: "The document or the last edit is larger than is allowed here.",
}
const TOO_FAST: Words = {
  title: "Too many requests",
  advice: "The server asks for a pause. Try again in a moment.",
}
const QUARANTINED: Words = {
  title: "This document is in quarantine",
  advice: "An administrator keeps everybody away from it for now. Nothing is lost, and this page keeps trying.",
}
const UNREACHABLE: Words = {
  title: "The server does not answer",
  advice: "It may be restarting, or you are offline. This page keeps trying.",
}
const BUSY: Words = {
  title: "The server asks to wait",
  advice: "It is busy or restarting. This page keeps trying.",
}

/** Somebody who is not signed in, by what the server says of their token. */
export function wordsOfSigningIn(detail: string): Words {
  if (detail.includes("has expired")) return TOKEN_EXPIRED
  if (detail.includes("is needed")) return TOKEN_NEEDED
  return TOKEN_WRONG
}

/** Somebody who may not do something, which the server names. */
function wordsOfRefusal(detail: string): Words {
  return {
    title: sentence(detail) || "You may not do that",
    advice: "If you need to, ask whoever shared it with you.",
  }
}

/** A refused HTTP request. */
export function wordsOfProblem(problem: Problem): Words {
  switch (problem.status) {
    case 0:
      return UNREACHABLE
    case 401:
      return wordsOfSigningIn(problem.message)
    case 403:
      return wordsOfRefusal(problem.message)
    case 404:
      return NOT_FOUND
    case 413:
      return TOO_LARGE
    case 423:
      return QUARANTINED
    case 429:
      return TOO_FAST
    case 502:
    case 503:
    case 504:
      return BUSY
    default:
      return { title: "That did not work", advice: problem.message }
  }
}

/** A websocket that the server closed; null if the code only means that the line is gone. */
export function wordsOfClose(code: number, reason: string): Words | null {
  switch (code) {
    case 1009:
    case 4413:
      return TOO_LARGE
    case 1012:
      return BUSY
    case 1013:
      return reason.startsWith("quarantined") ? QUARANTINED : BUSY
    case 4401:
      return wordsOfSigningIn(reason)
    case 4403:
      return wordsOfRefusal(withoutCode(reason))
    case 4404:
      return NOT_FOUND
    case 4415:
      return {
        title: "This document is of another type",
        advice: "It cannot be edited with a Yjs editor.",
      }
    case 4429:
      return TOO_FAST
    default:
      if (code < 4400 || code >= 4500) return null
      return { title: "The server ended the connection", advice: reason || `Close code ${code}.` }
  }
}

/** What the server did not take, or will not any more, on a connection that goes on. */
export function wordsOfDenial(reason: string): Words {
  if (reason.startsWith("document_too_large")) return TOO_LARGE
  return { title: sentence(withoutCode(reason)), advice: "You go on seeing what the others write." }
}

/** The reason of a close or a denial is `code: message`. */
function withoutCode(reason: string): string {
  return reason.replace(/^[a-z_]+: /, "")
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
