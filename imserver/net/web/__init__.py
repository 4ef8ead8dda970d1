"""HTTP: `site` says what is answered, `peers` who may stay connected, `door` speaks HTTP, `doors` opens what is configured.

Only `door` imports aiohttp, and only a server that listens imports `door`."""
