"""The smallest plugin: answers `/ping` with a pong. It shows the plugin API without booking; copy it to begin a plugin."""

from __future__ import annotations

import msgspec

from imserver.plugin_api import Call, Context, Migration


class PingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[plugins.ping]`"""

    #: User id of the bot that answers.
    bot: str = "ping"


class Ping:
    """What the host sees."""

    name = "ping"
    config_type = PingConfig
    migrations: tuple[Migration, ...] = ()

    async def start(self, context: Context) -> None:
        self._clock = context.clock
        await context.ensure_bot(context.config.bot, "Ping")
        context.command("ping", self._ping, aliases=["ping"], help="answers pong, and how long the way was")

    async def stop(self) -> None:
        """Nothing to end."""

    async def _ping(self, call: Call) -> str:
        return (
            f"pong {call.arguments}".rstrip() + f" ({self._clock.now_ms() - call.event.message.sent_at} ms)"
        )


plugin = Ping
