"""Variants of the model: each has one mistake, of the server, of the scheduling, or of the client's rules.

A rule is broken in a class before `ConversationState`; what else is broken is named by flags that the model reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from imserver_client.core.state import UNSAID, Counted, Kept

from .server import Said


class PageBlind:
    """A page's values replace without comparing."""

    def page(self, modseq: int, items: Sequence[tuple[int, Any, Any]]) -> Any:
        forget_labels(self, [position for position, _, _ in items])
        return super().page(modseq, items)  # type: ignore[misc]


class PushBlind:
    """Values of pushes and `changes` replace without comparing."""

    def push_items(self, modseq: int, items: Sequence[tuple[int, Any, Any]]) -> Any:
        forget_labels(self, [position for position, _, _ in items])
        return super().push_items(modseq, items)  # type: ignore[misc]

    def answer(self, rows: Sequence[tuple[int, int, Any, Any]], upto: int, more: bool) -> Any:
        forget_labels(self, [row[0] for row in rows])
        return super().answer(rows, upto, more)  # type: ignore[misc]


class NoAsk:
    """A gap advances `seen`, and asks nothing."""

    def _heard(self, modseq: int) -> None:
        super()._heard(modseq)  # type: ignore[misc]
        state: Any = self
        state.seen = max(state.seen, modseq)


class HintsIgnored:
    """Hints are ignored."""

    def hint(self, modseq: int) -> None:
        pass


class OnlySeen:
    """Of other features all is asked again, and what has the same modseq does not replace."""

    def recount(self) -> None:
        state: Any = self
        labels = {position: (kept.modseq, kept.mine_modseq) for position, kept in state.items.items()}
        super().recount()  # type: ignore[misc]
        for position, (modseq, mine_modseq) in labels.items():
            state.items[position].modseq, state.items[position].mine_modseq = modseq, mine_modseq


class OnlyValues:
    """Of other features any value replaces, and nothing is asked."""

    def recount(self) -> None:
        state: Any = self
        before = state.seen
        super().recount()  # type: ignore[misc]
        state.seen = before


class HintAdvances:
    """A hint with `seen + 1` advances `seen`."""

    def hint(self, modseq: int) -> None:
        state: Any = self
        super().hint(modseq)  # type: ignore[misc]
        if modseq == state.seen + 1:
            state.seen = modseq


class DropBelow:
    """A push that is not above `seen` is dropped."""

    def push_items(self, modseq: int, items: Any) -> Any:
        state: Any = self
        return super().push_items(modseq, items) if modseq > state.seen else []  # type: ignore[misc]

    def push_about(self, modseq: int, about: Any) -> Any:
        state: Any = self
        return super().push_about(modseq, about) if modseq > state.seen else False  # type: ignore[misc]


class Whole:
    """A push without an own value empties it."""

    def push_items(self, modseq: int, items: Sequence[tuple[int, Any, Any]]) -> Any:
        whole = [(position, extra, None if mine is UNSAID else mine) for position, extra, mine in items]
        return super().push_items(modseq, whole)  # type: ignore[misc]


class OneLabel:
    """Shared and own value share one modseq."""

    def _apply(self, modseq: int, position: int, extra: Any, mine: Any) -> Any:
        state: Any = self
        kept = state.items.get(position)
        if kept is not None:
            kept.mine_modseq = kept.modseq
        changed = super()._apply(modseq, position, extra, mine)  # type: ignore[misc]
        kept = state.items.get(position)
        if kept is not None:
            kept.mine_modseq = kept.modseq
        return changed


class PageRaises:
    """A page raises `seen`."""

    def page(self, modseq: int, items: Any) -> Any:
        changed = super().page(modseq, items)  # type: ignore[misc]
        state: Any = self
        state.seen = max(state.seen, modseq)
        return changed


class RowRaises:
    """A row raises `seen`."""

    def row(self, modseq: int, *, former: bool) -> None:
        super().row(modseq, former=former)  # type: ignore[misc]
        state: Any = self
        state.seen = max(state.seen, modseq)


class NoLowering:
    """An older page does not lower `seen`."""

    def page(self, modseq: int, items: Any) -> Any:
        state: Any = self
        seen = state.seen
        changed = super().page(modseq, items)  # type: ignore[misc]
        state.seen = seen
        return changed


class EveryPageLowers:
    """Every older page lowers `seen`, though all its items are held."""

    def page(self, modseq: int, items: Any) -> Any:
        changed = super().page(modseq, items)  # type: ignore[misc]
        state: Any = self
        state.seen = min(state.seen, modseq)
        return changed


class PageAsks:
    """A page above `seen` asks."""

    def page(self, modseq: int, items: Any) -> Any:
        changed = super().page(modseq, items)  # type: ignore[misc]
        state: Any = self
        state.top = max(state.top, modseq)
        return changed


class NoBase:
    """An answer raises `seen` though a page lowered it meanwhile."""

    def answer(self, rows: Any, upto: int, more: bool) -> Any:
        state: Any = self
        state._base = 0
        return super().answer(rows, upto, more)  # type: ignore[misc]


class JoinEarly:
    """Each page of an answer raises `seen`, not the last one alone."""

    def answer(self, rows: Any, upto: int, more: bool) -> Any:
        return super().answer(rows, upto, False)  # type: ignore[misc]


class Thrown:
    """Values of items not held are always thrown away."""

    def _may_go(self, position: int) -> bool:
        state: Any = self
        return position not in state.held


class ThrownAbove:
    """Values above `have` are thrown away, too, unless a page is on its way."""

    def _may_go(self, position: int) -> bool:
        state: Any = self
        return position not in state.held and not state.paging

    def forget_items(self) -> None:
        super().forget_items()  # type: ignore[misc]
        state: Any = self
        state.items.clear()


class Uncounted(Counted[Said]):
    """Settings and account without counters."""

    __slots__ = ()

    def take(self, seq: int, value: Said | None) -> bool:
        self.seq, self.value = seq, value
        return True


def forget_labels(state: Any, positions: Sequence[int]) -> None:
    for position in positions:
        kept: Kept[Said] | None = state.items.get(position)
        if kept is not None:
            kept.modseq = kept.mine_modseq = -1


@dataclass(frozen=True, slots=True)
class Variant:
    """`found`: what the judge says of it, in the run of this `seed`. Nothing: it is as right, and only costs more."""

    name: str
    about: str
    flags: frozenset[str] = frozenset()
    rules: tuple[type, ...] = ()
    counted: type[Counted[Said]] = Counted
    found: frozenset[str] = field(default_factory=frozenset)
    seed: int = 1


def safe(name: str, about: str, *, flags: str = "", rules: tuple[type, ...] = ()) -> Variant:
    return Variant(name, about, frozenset(flags.split()), rules)


def broken(
    name: str,
    seed: int,
    found: str,
    about: str,
    *,
    flags: str = "",
    rules: tuple[type, ...] = (),
    counted: type[Counted[Said]] = Counted,
) -> Variant:
    return Variant(name, about, frozenset(flags.split()), rules, counted, frozenset(found.split()), seed)


SAFE = (
    safe("full", "the rules as they are"),
    safe("overtake", "a read's reply runs ahead of pushes that its snapshot holds", flags="overtake"),
    safe("stale", "pages and changes from a replica that may be behind", flags="stale"),
    safe("slow", "answers come late, and long after later pushes", flags="slow"),
    safe("slow and overtaken", "the same, and ahead of earlier ones", flags="slow overtake"),
    safe("storm", "four changes a tick, all screens open", flags="storm"),
    safe("storm big", "the same in a conversation of more than fifty", flags="storm_big"),
    safe("every page lowers", "also pages whose items are all held", rules=(EveryPageLowers,)),
    safe("a page asks", "a page above `seen` asks", flags="overtake", rules=(PageAsks,)),
    safe("a unit takes several", "each item of a unit takes a modseq of its own", flags="not_shared"),
    safe("outside is not told", "no push for items outside a member's range", flags="range_skip"),
    safe("features", "what a feature wrote goes with it, and comes back", flags="features"),
    safe("nothing is something", "a put that changes nothing takes a modseq", flags="noop"),
)
BROKEN = (
    broken("page blind", 1, "back", "a page's values replace without comparing", rules=(PageBlind,)),
    broken("push blind", 9, "back", "values of pushes replace without comparing", rules=(PushBlind,)),
    broken("no ask", 1, "shared", "a gap advances `seen` and asks nothing", rules=(NoAsk,)),
    broken("hints ignored", 2, "shared", "hints are ignored", rules=(HintsIgnored,)),
    broken("hint advances", 2, "shared", "a hint with `seen + 1` advances `seen`", rules=(HintAdvances,)),
    broken("hint not deferred", 17, "shared", "the last hint of a second is dropped", flags="hint_no_trail"),
    broken("split", 2, "shared", "a unit sends a push for each item", flags="split"),
    broken(
        "split and dropped",
        2,
        "shared",
        "the same, and pushes not above `seen` are dropped",
        flags="split",
        rules=(DropBelow,),
    ),
    broken(
        "literally",
        1,
        "shared",
        "four of these at once",
        flags="split",
        rules=(DropBelow, NoLowering, HintAdvances),
    ),
    broken(
        "own alone", 13, "mine leftover", "an own value without a shared one beside it", flags="own_alone"
    ),
    broken("whole", 1, "mine", "a push without an own value empties it", rules=(Whole,)),
    broken("one label", 9, "mine", "shared and own value share one modseq", rules=(OneLabel,)),
    broken("own kept", 2, "leftover", "own values stay when the shared one is erased", flags="own_kept"),
    broken("no upto", 3, "endless", "changes ends at its highest row", flags="no_upto"),
    broken("cut inside", 8, "shared", "a page of changes ends inside a modseq", flags="cut_inside"),
    broken("about dropped", 27, "about", "a dropped push of about does not ask sync", flags="about_drop"),
    broken("page now", 1, "shared", "a page's modseq taken when it is answered", flags="page_now"),
    broken("no empty", 2, "shared", "removed values are not kept as empty ones", flags="no_empty"),
    broken("page raises", 1, "shared", "a page raises `seen`", rules=(PageRaises,)),
    broken("row raises", 1, "shared", "a row raises `seen`", rules=(RowRaises,)),
    broken("no lowering", 69, "shared", "an older page does not lower `seen`", rules=(NoLowering,)),
    broken(
        "no base",
        509,
        "shared",
        "an answer raises `seen` though a page lowered it",
        flags="overtake slow",
        rules=(NoBase,),
    ),
    broken(
        "join early",
        128,
        "mine",
        "each page of an answer raises `seen`",
        flags="overtake",
        rules=(JoinEarly,),
    ),
    broken(
        "thrown",
        1,
        "shared",
        "values of items not held go, and older pages do not lower",
        rules=(Thrown, NoLowering),
    ),
    broken(
        "former now", 111, "shared", "a former member's page bears the present modseq", flags="former_now"
    ),
    broken("seen ahead", 63, "shared", "`seen` saved, its values from an older save", flags="seen_ahead"),
    broken("top lost", 1106, "shared", "the rows' modseq not saved with `since`", flags="top_lost"),
    broken("no counter", 1, "settings", "settings and account without counters", counted=Uncounted),
    broken("counter reset", 1, "settings", "settings' counter begins again", flags="counter_reset"),
    broken("no lane", 18, "said", "puts and removes not in one lane", flags="no_lane slow"),
    broken("ghost", 1, "said", "a write waiting in a lost session still runs later", flags="ghost"),
    broken(
        "thrown above",
        242,
        "shared",
        "values above `have` are thrown away",
        flags="overtake",
        rules=(ThrownAbove,),
    ),
    broken(
        "overtaken and dropped",
        1,
        "about",
        "replies run ahead, and pushes not above `seen` are dropped",
        flags="overtake",
        rules=(DropBelow,),
    ),
    broken(
        "features ignored", 1, "shared", "the state of other features is kept", flags="features no_recount"
    ),
    broken("recount alone", 1, "about", "no sync from the beginning", flags="features no_restart"),
    broken("only seen", 1, "shared", "values keep their modseq", flags="features", rules=(OnlySeen,)),
    broken("only values", 1, "shared", "`seen` stays", flags="features", rules=(OnlyValues,)),
    broken("stale sync", 1, "about", "sync from a replica that is behind", flags="stale stale_sync"),
)
