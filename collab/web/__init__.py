"""The edge: HTTP, websockets, tokens. Never orders or stores by itself."""
