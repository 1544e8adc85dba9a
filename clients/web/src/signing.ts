// Signing in and out: a panel in place of a page, a dialog above one that goes on.
import { checkToken, Problem } from "./api"
import { h } from "./dom"
import { icon } from "./icons"
import { signOut } from "./router"
import { bearerInToken, setToken, token, tokenIn } from "./token"
import { type Words, wordsOfProblem } from "./words"

const NEEDED = "Paste a token first."
const MALFORMED = "This cannot be a token: it has characters that none has."

let dialog: HTMLDialogElement | null = null

/** In place of what is not shown without a token; `done` is called when there is one that holds. */
export function signInPanel(words: Words, done: () => void): HTMLElement {
  const form = signInForm(words, done, null)
  // It puts itself forward, since there is nothing else to do.
  requestAnimationFrame(() => form.querySelector("input")?.focus({ preventScroll: true }))
  return h("section", { class: "sign-in", "aria-labelledby": "sign-in-title" }, form)
}

/** Above a page that stays as it is; `done` is called when there is a token that holds. */
export function openSignIn(words: Words, done: () => void): void {
  dialog?.close()
  const opened = h("dialog", { class: "sign-in", "aria-labelledby": "sign-in-title" })
  dialog = opened
  opened.append(
    signInForm(
      words,
      () => {
        opened.close()
        done()
      },
      () => opened.close(),
    ),
  )
  opened.addEventListener("close", () => {
    opened.remove()
    if (dialog === opened) dialog = null
  })
  document.body.append(opened)
  opened.showModal()
}

/** Take away a dialog that nobody needs any more. */
export function closeSignIn(): void {
  dialog?.close()
}

/** That this tab has a token, whose it is or in other words, and the way to forget it; null without
 * one. */
export function account(words = bearerInToken() ?? "Signed in"): HTMLElement | null {
  if (token() === null) return null
  const button = h("button", { type: "button", class: "tool" }, "Sign out")
  button.addEventListener("click", signOut)
  return h("div", { class: "account" }, h("span", { class: "account-name", title: words }, words), button)
}

function signInForm(words: Words, done: () => void, cancel: (() => void) | null): HTMLElement {
  const input = h("input", {
    id: "sign-in-token",
    class: "field",
    type: "password",
    name: "token",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    autofocus: true,
    "aria-describedby": "sign-in-advice sign-in-error",
  })
  const error = h("p", { id: "sign-in-error", class: "error", role: "alert" })
  const button = h("button", { class: "button primary" }, "Sign in")
  const form = h(
    "form",
    { novalidate: true },
    icon("key"),
    h("h2", { id: "sign-in-title" }, words.title),
    h("p", { id: "sign-in-advice" }, words.advice),
    h("label", { for: "sign-in-token", class: "label" }, "Token"),
    input,
    error,
    h("div", { class: "row" }, button, cancel === null ? null : cancelButton(cancel)),
  )

  const complain = (text: string) => {
    error.textContent = text
    input.setAttribute("aria-invalid", "true")
    input.select()
    input.focus()
  }
  const signIn = async () => {
    const given = tokenIn(input.value)
    if (given === null) {
      complain(input.value.trim() === "" ? NEEDED : MALFORMED)
      return
    }
    button.disabled = true
    try {
      await checkToken(given)
      if (!form.isConnected) return // somebody has thought better of it
      setToken(given)
      done()
    } catch (failure) {
      if (!(failure instanceof Problem)) throw failure
      complain(failing(failure))
    } finally {
      button.disabled = false
    }
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    if (!button.disabled) void signIn()
  })
  input.addEventListener("input", () => {
    error.textContent = ""
    input.removeAttribute("aria-invalid")
  })
  return form
}

function cancelButton(cancel: () => void): HTMLElement {
  const button = h("button", { type: "button", class: "button" }, "Not now")
  button.addEventListener("click", cancel)
  return button
}

/** Why a token was not taken. */
function failing(problem: Problem): string {
  if (problem.status !== 401) return `${wordsOfProblem(problem).title}. Try again in a moment.`
  const text = problem.message
  return `That did not work: ${text === "" ? "the token does not hold" : text}.`
}
