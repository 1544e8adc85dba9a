// Where everything starts: the theme and the token, then the page of the address. A new page is one
// line in the table below, and one in collab/web/pages.py.
import "./styles/tokens.css"
import "./styles/base.css"
import "./styles/people.css"
import "./styles/signing.css"
import { documentPage } from "./pages/document"
import { inspectPage } from "./pages/inspect"
import { listPage } from "./pages/list"
import { followHue } from "./people"
import { type Route, signedIn, start } from "./router"
import { followShortcuts } from "./shortcuts"
import { followTheme } from "./theme"
import { adoptTokenFromAddress } from "./token"

const ROUTES: readonly Route[] = [
  { path: /^\/$/, open: listPage },
  { path: /^\/d\/(.+)$/, open: documentPage },
  { path: /^\/inspect(?:\/(.*))?$/, open: inspectPage },
]

followTheme()
followHue()
followShortcuts()
adoptTokenFromAddress()
// A link with another token, opened in this same tab.
addEventListener("hashchange", () => {
  if (adoptTokenFromAddress()) signedIn()
})

const app = document.querySelector<HTMLElement>("#app")
if (app === null) throw new Error("the page has no #app")
start(app, ROUTES)
