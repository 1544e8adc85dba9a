// Every refusal in words, for people: what it is, and what they can do.
import type { Problem } from "./api"

export interface Words {
  readonly title: string
  readonly advice: string
}

const NOT_SIGNED_IN: Words = {
  title: "You are not signed in",
  advice: "This server wants a token, and there is none here or it does not hold any more.",
}
const NOT_ALLOWED: Words = {
  title: "You may not do that",
  advice: "Your token does not give you the right. Ask whoever shared this with you.",
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
const UNREACHABLE: Words = {
  title: "The server does not answer",
  advice: "It may be restarting, or you are offline. This page keeps trying.",
}
const BUSY: Words = {
  title: "The server asks to wait",
  advice: "It is busy or restarting. This page keeps trying.",
}

/** A refused HTTP request. */
export function wordsOfProblem(problem: Problem): Words {
  switch (problem.status) {
    case 0:
      return UNREACHABLE
    case 401:
      return NOT_SIGNED_IN
    case 403:
      return NOT_ALLOWED
    case 404:
      return NOT_FOUND
    case 413:
      return TOO_LARGE
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
    case 1013:
      return BUSY
    case 4401:
      return NOT_SIGNED_IN
    case 4403:
      return NOT_ALLOWED
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
