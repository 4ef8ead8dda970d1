"""A web shop with a chat in it: an aiohttp application and an imserver on one event loop.

    python embed_in_aiohttp.py [FOLDER]

    curl -X POST localhost:8080/login  -d user=ann          a token, and where the chat is
    curl -X POST localhost:8080/ready  -d user=ann          the shop tells ann that her glasses are ready
    curl         localhost:8080/heard                       what customers wrote to the shop

`IMSERVER_*` variables configure the chat (docs/imserver.toml), `PORT` is that of the web. docs/embedding.md explains each step.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from imserver import Config, Server, load_config
from imserver.content import decode_content
from imserver.events import MessagePosted
from imserver.model import User, direct_conversation_id

SHOP = "shop"
#: Messages that `/heard` keeps; the chat's own history keeps all.
MAX_HEARD = 100

SERVER = web.AppKey("server", Server)
HEARD = web.AppKey("heard", deque[dict[str, str]])


def make_application(config: Config) -> web.Application:
    """The web shop. The chat starts and stops with it."""
    application = web.Application()
    application[HEARD] = deque(maxlen=MAX_HEARD)

    async def chat(application: web.Application) -> AsyncIterator[None]:
        async with Server(
            config
        ) as server:  # in this application's loop; it leaves signals and logging alone
            await server.chat.put_user(User(SHOP, "The shop"))
            application[SERVER] = server
            end = server.chat.subscribe(lambda event: hear(application, event))
            yield
            end()

    application.cleanup_ctx.append(chat)
    application.router.add_post("/login", login)
    application.router.add_post("/ready", ready)
    application.router.add_get("/heard", heard)
    return application


def hear(application: web.Application, event: MessagePosted) -> None:
    """Called on the loop for every message after its commit; slow work belongs in a task of the host's own."""
    message = event.message
    if message.sender_id == SHOP or SHOP not in event.audience or message.content is None:
        return
    content = decode_content(message.content)
    application[HEARD].append({"from": message.sender_id, "text": str(content.get("text", ""))})


async def login(request: web.Request) -> web.Response:
    """Log in to the web and get a chat token. A real shop checks a password first."""
    server, user_id = request.app[SERVER], str((await request.post())["user"])
    await server.chat.put_user(User(user_id, user_id.title()))
    token = server.accounts.make_token(user_id, ttl_s=3600)
    return web.json_response({"token": token, "port": server.port})


async def ready(request: web.Request) -> web.Response:
    """An order is ready: say so in the chat. The answer comes when the message is durable."""
    server, user_id = request.app[SERVER], str((await request.post())["user"])
    conversation_id = direct_conversation_id(SHOP, user_id)
    posted = await server.chat.post(SHOP, conversation_id, "Your glasses are ready.")
    return web.json_response({"conversation": conversation_id, "position": posted.position})


async def heard(request: web.Request) -> web.Response:
    """Messages from customers to the shop, oldest first."""
    said = request.app[HEARD]
    return web.json_response(list(said))


if __name__ == "__main__":
    os.chdir(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    # aiohttp's own signal handlers end the application, and with it, in good order, the chat.
    web.run_app(
        make_application(load_config(None)), host="127.0.0.1", port=int(os.environ.get("PORT", "8080"))
    )
