// What a page is to the router.

export interface View {
  readonly title: string
  readonly element: HTMLElement
  /** False while leaving would lose something. */
  mayLeave?(): boolean
  /** There is another token; true if the page goes on with it as it is. */
  signedIn?(): boolean
  /** Called once, when another page takes its place. */
  leave?(): void
}
