"""The edge: HTTP, Server-Sent Events, websockets. Orders and stores nothing by itself."""
