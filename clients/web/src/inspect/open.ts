// What the inspector's chunk has for the rest: its two pages.
import "../styles/inspect.css"

export { openDocument } from "./document"
export { openMachine } from "./machine"
