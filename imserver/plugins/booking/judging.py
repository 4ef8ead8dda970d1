"""A chain file, read and judged whole before anything of it is in effect: at the start, at a reload and at an import."""

from __future__ import annotations

from functools import partial

from imserver.plugin_api import Context, PluginError

from . import operations
from .beside import beside
from .messages.shop_texts import ShopTexts
from .messages.texts import text_faults
from .schedule import changes
from .schedule.changes import ChainFile
from .schedule.shops import Chain, ChainError

#: Whose accounts are the plugin's to speak as.
BOT_ROLE = "bot"


async def judged(context: Context) -> ChainFile:
    """The file as it is now. Changes nothing. Raises `ChainError`, `ConfigError`, `PluginError`."""
    file = await beside(partial(operations.chain_file, context))
    fault = next(text_faults(file.chain), None)
    if fault is not None:
        raise ChainError(f"{file.source}: {fault}")
    await _refuse_persons(context, file.chain)
    return file


async def made(context: Context, file: ChainFile, revision: int | None = None) -> ShopTexts:
    """The chain in effect, and everything that is made of it. `revision`: what was read as the latest."""
    if revision is None:
        revision = await changes.latest_revision(context)
    # Read behind the revision: newer changes than it says are harmless, and read again.
    standing = changes.changes_of(await context.read(changes.SELECT))

    def make() -> ShopTexts:
        in_effect = changes.lay_over(file, standing, revision)
        return ShopTexts.of(in_effect.chain, in_effect, context.public_url)

    # Beside the loop: to work the words of a chain out takes a quarter of a second, and everybody would wait.
    return await beside(make)


async def _refuse_persons(context: Context, chain: Chain) -> None:
    """What `Context.ensure_bot` would refuse halfway: the name of a bot is that of a person's account."""
    for bot in (chain.bot, *(shop.bot for shop in chain.stores)):
        known = await context.user(bot)
        if known is not None and BOT_ROLE not in known.roles:
            raise PluginError(
                f"the account {bot!r} is not a bot: rename it, or give it the role {BOT_ROLE!r}"
            )
