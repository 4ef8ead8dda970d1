"""A chain file, read and judged whole before anything of it is in effect: at the start, at a reload and at an import."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from imserver.plugin_api import Context

from . import operations
from .beside import beside
from .messages.shop_texts import ShopTexts
from .messages.texts import text_faults
from .schedule import changes
from .schedule.chain_file import ChainError
from .schedule.changes import ChainFile
from .schedule.shops import Chain


async def judged(context: Context) -> ChainFile:
    """The file as it is now. Changes nothing. Raises `ChainError`, `ConfigError`, `PluginError`."""
    file = await beside(partial(operations.chain_file, context))
    fault = next(text_faults(file.chain), None)
    if fault is not None:
        raise ChainError(f"{file.source}: {fault}")
    for bot, name, language in bots_of(file.chain):
        await context.check_bot(bot, name, language=language)
    return file


def bots_of(chain: Chain) -> Iterator[tuple[str, str, str]]:
    """Whom the chain speaks as: account, name and language."""
    language = "zh-CN" if chain.staff_language == "zh" else "en"
    for bot, names in ((chain.bot, chain.names), *((shop.bot, shop.names) for shop in chain.stores)):
        yield bot, names.in_language(chain.staff_language), language


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
