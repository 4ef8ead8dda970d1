"""Another shop that is not named: 换一家店, "your other branch". In an open booking the one that was chosen is refused."""

from __future__ import annotations

from typing import Final

from .acts import Kind, Scene
from .lexicon import Lexicon
from .page import Cover, Page
from .patterns import template
from .rest import MAYBE

#: "Your other branch": where there are two, it is said which.
_THE_OTHER: Final = template("other_shop", "the_other")
_ANY_OTHER: Final = template("other_shop", "any_other")


def read_other_shop(page: Page, scene: Scene, lexicon: Lexicon) -> None:
    """The shop that is refused, and of two the one that is meant instead. Of a text that names no shop."""
    if scene.is_free:
        return
    if (match := next(page.find(_THE_OTHER), None)) is not None:
        if MAYBE.search(page.words, page.clause_at(match.start())[0], match.start()):
            page.take(*match.span(), Cover.DOUBT)
            return
        others = [shop.id for shop in lexicon.chain.stores if shop.id != scene.shop]
        if scene.shop and len(others) == 1:
            page.take_act(Kind.CORRECT, "shop", others[0], match.span())
        else:
            page.take_act(Kind.REFUSE, "shop", scene.shop or None, match.span())
            return
    if places := [match.span() for match in page.find(_ANY_OTHER)]:
        page.take_act(Kind.REFUSE, "shop", None, *places)
