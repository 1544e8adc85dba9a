// What the server's codes mean: for an edit that is on its way, and for the connection.
//
// Owns these tables alone, so that every rule of the kind is read in one place.
import { Closed } from "./errors.js"
import type { ErrorReport } from "./messages.js"

/** What an error report says about the edit it names.
 *
 * wait        a reset or a close follows, and decides
 * passing     nothing is decided: send it again on another connection
 * committed   the log has another writing of it
 * rewrite     it was made without knowing a commit of our own: write it anew over that one
 * refused     it will never be in the log */
export type Verdict = "wait" | "passing" | "committed" | "rewrite" | "refused"

const VERDICTS: ReadonlyMap<string, Verdict> = new Map([
  ["below_floor", "wait"],
  ["base_above_head", "wait"],
  ["document_not_found", "wait"],
  ["not_signed_in", "wait"],
  ["internal", "passing"],
  ["unavailable", "passing"],
  ["restarting", "passing"],
  ["store_failure", "passing"],
  ["document_broken", "passing"],
  ["quarantined", "passing"],
  ["too_fast", "passing"],
  ["too_many_edits", "passing"],
  ["too_much_presence", "passing"],
  ["too_many_connections", "passing"],
  ["too_many_documents", "passing"],
  ["too_many_requests", "passing"],
])

/** What `error` says about the edit that it names; `rewritten`: two writings of it are out. */
export function verdictOnEdit(error: ErrorReport, rewritten: boolean): Verdict {
  if (error.code === "edit_name_reused" && error.committed && rewritten) return "committed"
  if (error.code === "base_below_own_commit" && error.committed) return "rewrite"
  return VERDICTS.get(error.code) ?? "refused"
}

/** Close codes of the protocol; those from 4400 to 4499 are final but for the two that pass. */
export const CloseCode = {
  abnormal: 1006,
  tryLater: 1013,
  notSignedIn: 4401,
  notAllowed: 4403,
  notFound: 4404,
  helloTimeout: 4408,
  tooFast: 4429,
} as const

const FINAL: ReadonlyMap<number, readonly [code: string, message: string]> = new Map([
  [1003, ["malformed", "The two sides do not understand one another."]],
  [1007, ["malformed", "The two sides do not understand one another."]],
  [1009, ["malformed", "A message is longer than the server takes."]],
  [4400, ["malformed", "The two sides do not understand one another."]],
  [4401, ["not_signed_in", "No token, or one that does not hold."]],
  [4403, ["not_allowed", "Known to the server, but without the right to open this document."]],
  [4404, ["document_not_found", "No such document, or none that we may know of."]],
  [4409, ["replaced", "Another connection took over this client id."]],
  [4413, ["quota", "The server's bound for this caller is reached."]],
  [4415, ["wrong_type", "The document is of a type that is not spoken over this protocol."]],
])

const LONGEST_WAIT_SECONDS = 60
const AGAIN = /again in ([0-9]{1,6}) s$/

/** For how many seconds a connection that was closed so is not to be opened again. */
export function retryAfterOf(closeCode: number, reason: string): number {
  if (closeCode !== CloseCode.tooFast && closeCode !== CloseCode.tryLater) return 0
  const told = AGAIN.exec(reason)
  return told ? Math.min(Number(told[1]), LONGEST_WAIT_SECONDS) : 0
}

/** Why a connection closed so is the last one; null if the next may do better.
 *
 * `known`: we have had the document, so that its absence means that it is gone. */
export function failureOf(closeCode: number, reason: string, known: boolean): Closed | null {
  if (closeCode === CloseCode.helloTimeout || closeCode === CloseCode.tooFast) return null
  const found = FINAL.get(closeCode)
  if (found === undefined) {
    if (closeCode < 4400 || closeCode > 4499) return null
    return new Closed("closed", reason || "The server ended the connection.", closeCode)
  }
  const [code, message] = found
  const told = closeCode === CloseCode.notFound && known ? "document_gone" : code
  return new Closed(told, reason || message, closeCode)
}
