// What this client throws and tells: one class per kind of trouble, each with a stable code.

/** Base of them all; `code` is for programs and stays as it is, the message is for people. */
export class ClientError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
    this.name = new.target.name
  }
}

/** An operation that is none, or does not fit the document. Nothing was changed. */
export class InvalidOperation extends ClientError {
  constructor(message: string) {
    super("invalid_operation", message)
  }
}

/** What the server sent makes no sense. Never comes out of this package: the client reconnects. */
export class Malformed extends ClientError {
  constructor(message: string) {
    super("malformed", message)
  }
}

/** The document may be read but not changed. */
export class ReadOnly extends ClientError {
  constructor() {
    super("read_only", "this document is read-only for you")
  }
}

/** There is no connection for something that cannot wait for one. */
export class Offline extends ClientError {
  constructor() {
    super("offline", "no connection to the server")
  }
}

/** No welcome came within the time given for opening. */
export class Unreachable extends ClientError {
  constructor(message: string) {
    super("unreachable", message)
  }
}

/** The connection has ended for good; `closeCode` is the server's, 0 where it was not the server.
 *
 * `code` is one of `not_signed_in`, `not_allowed`, `document_not_found`, `document_gone`, `replaced`,
 * `quota`, `wrong_type`, `malformed`, `closed`. What was not saved stays in the document. */
export class Closed extends ClientError {
  constructor(
    code: string,
    message: string,
    readonly closeCode: number,
  ) {
    super(code, message)
  }
}
