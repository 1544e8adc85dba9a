// Where everything starts: the token, then the page of the address.
import "./styles/base.css"
import "./styles/people.css"
import "./styles/signing.css"
import { documentPage } from "./pages/document"
import { listPage } from "./pages/list"
import { signedIn, start } from "./router"
import { adoptTokenFromAddress } from "./token"

adoptTokenFromAddress()
// A link with another token, opened in this same tab.
addEventListener("hashchange", () => {
  if (adoptTokenFromAddress()) signedIn()
})

const app = document.querySelector<HTMLElement>("#app")
if (app === null) throw new Error("the page has no #app")
start(app, (route) => (route.page === "list" ? listPage() : documentPage(route.id)))
