"""Variants of the model: each has one mistake, in a rule of the server or of the client, or in how a device does as they say.

A rule is broken in a class before the product's; what else is broken is named by flags that the model reads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from imserver.store.engine.lineage import Lineage as ServerLineage
from imserver.store.engine.lineage import Place, state_good
from imserver_client.core.lineage import ACCOUNT, Lineage

from .database import Rules

# -- the server ----------------------------------------------------------------------------------------------------------


class AboveTheHead(ServerLineage):
    """A token is good if it is not above the head, whatever its mark."""

    def good(self, place: Place, head: int) -> bool:
        return place.change <= head


class NoEarlierLives(ServerLineage):
    """A place names its own life alone."""

    def place(self, head: int, upto: int | None = None) -> Place:
        place = super().place(head, upto)
        return place._replace(lives=place.lives[:1])


class EndsAsHere(ServerLineage):
    """An earlier life ended where it ended here, whatever the place says."""

    def common(self, place: Place, head: int) -> int:
        for life, _ in place.lives:
            index = self._last_of_life.get(life)
            if index is not None:
                return self._end(index, head)
        return 0


def good_up_to_the_present(asked: int, *, present: int, first_after: int | None) -> bool:
    """Any modseq is good that is not above the present one."""
    return state_good(asked, present=present, first_after=None)


# -- the client ----------------------------------------------------------------------------------------------------------


class NothingIsDirty(Lineage):
    """`since` alone is trusted."""

    def moved(self, conversation_id: str) -> None:
        pass


class CoversWhatMoved(Lineage):
    """A page of `sync` covers what moved since it was asked, too."""

    def sync_answered(self, *, more: bool) -> None:
        self._covered = {name for name, trail in self._trails.items() if trail.place is not None}
        super().sync_answered(more=more)


class Relabels(Lineage):
    """What is dirty gets the place of the new session before it is asked."""

    def begin(self, place: str, *, since: str | None, followed: bool) -> None:
        super().begin(place, since=since, followed=followed)
        for name in self._todo:
            self._set_place(name, place)


class RefusedIsGone(Lineage):
    """A refused `since` goes, and nothing gets it as its place."""

    def let_go(self, since: str | None, followed: Any) -> None:
        super().let_go(since, ())


class NeverReadsAgain(Lineage):
    """Contents below `agreed` are kept as they are."""

    def reread(self, conversation_id: str, limit: int) -> tuple[int, int] | None:
        return None


class OnlyEditsThatWereTold(Lineage):
    """Only targets of system messages count as edited, not what a page shows."""

    def message(self, conversation_id: str, position: int, revision: int, own_key: bytes | None) -> None:
        super().message(conversation_id, position, 1, own_key)


class OnlyEditsThatWereSeen(Lineage):
    """Only what a page shows counts as edited, not targets of system messages."""

    def edited(self, conversation_id: str, target: int) -> None:
        pass


class TrustsFormerMembers(Lineage):
    """State that was read as a former member is compared like any other."""

    def left(self, conversation_id: str) -> None:
        pass

    def _checked(self, known: Any, answer: Any) -> Any:
        checked = super()._checked(known, answer)
        return replace(checked, discard_state=not answer.state_good, doubt_state=False)


class RepliesAreNotKept(Lineage):
    """A reply is no reason to remember the message."""

    def posted(self, conversation_id: str, position: int, key: bytes) -> None:
        pass


class LosesWhatIsLost(Lineage):
    """Own messages above `agreed` are forgotten with the rest."""

    def _replaced(self, name: str, trail: Any, keep: int) -> None:
        super()._replaced(name, trail, keep)
        for key in list(self._lost.get(name, ())):
            self._drop_own(key)


class NeverTells(Lineage):
    """Own messages that did not come back are looked for for ever."""

    def reached(self, conversation_id: str) -> None:
        pass


class TeamsAreLostSilently(Lineage):
    """A conversation of a team is lost without a word, though `since` was refused."""

    def let_go(self, since: str | None, followed: Any) -> None:
        for name, notice in list(self._notices.items()):
            if notice.pending:
                self._set_notice(name, None)
        super().let_go(since, followed)


class TeamsAreNothingSpecial(Lineage):
    """To lose a conversation with a team is told like any other loss."""

    def row(self, conversation_id: str, *, former: bool, team: str | None) -> None:
        super().row(conversation_id, former=former, team=None)

    def _checked(self, known: Any, answer: Any) -> Any:
        checked = super()._checked(known, answer)
        self._trail(known.conversation_id).team = None
        return checked


class AccountIsClean(Lineage):
    """The account's values are never asked about."""

    def begin(self, place: str, *, since: str | None, followed: bool) -> None:
        super().begin(place, since=since, followed=followed)
        self._todo.pop(ACCOUNT, None)


class Variant(NamedTuple):
    """`found`: what the judge must find, in the run `seed` or one of those behind it; in `calm` ones, if it is so."""

    name: str
    about: str
    flags: frozenset[str] = frozenset()
    rules: Rules = Rules()
    lineage: type[Lineage] = Lineage
    found: frozenset[str] = frozenset()
    seed: int = 1
    calm: bool = False


def broken(found: str, seed: int, about: str, **more: Any) -> Variant:
    """Named by its flag or by its class, unless it has a name."""
    flag = more.pop("flag", "")
    rules: Rules = more.get("rules", Rules())
    classes = (more.get("lineage"), rules.lineage)
    name = (
        more.pop("name", "")
        or flag
        or next(one.__name__ for one in classes if one not in (None, ServerLineage))
    )
    return Variant(
        name, about, frozenset([flag] if flag else []), found=frozenset([found]), seed=seed, **more
    )


FULL = Variant("full", "the rules as they are")
#: Safe, but who learnt in a life that is gone reads everything again.
NO_EARLIER_LIVES = Variant(
    "no earlier lives", "a place names its own life alone", rules=Rules(NoEarlierLives)
)
#: Nobody is left wrong by these.
SAFE = (
    FULL,
    NO_EARLIER_LIVES,
    # `next_since` bears its page's snapshot, so it vouches for all that was learnt before it was asked.
    Variant(
        "any page cleans", "pages of sync with more behind them cover, too", frozenset(["any page cleans"])
    ),
)

BROKEN = (
    # what places and rows are
    broken("head", 1, "a server that is opened writes no row", flag="no row at open"),
    broken("reset for nothing", 5, "a mark that changes while sessions live", flag="marks change", calm=True),
    broken("head", 1, "token against the head only", rules=Rules(AboveTheHead)),
    broken("other message", 412, "an earlier life's end as it is here", rules=Rules(EndsAsHere)),
    broken(
        "head", 43, "a page with more is sealed with its last row, and any page cleans",
        name="seals the row", flag="any page cleans", rules=Rules(seals_the_row=True),
    ),
    broken("state", 17, "no first modseqs", name="no first modseqs", rules=Rules(state_good=good_up_to_the_present)),
    broken("other message", 2, "the key proves the place", name="key proves", rules=Rules(key_proves=True)),
    broken("other message", 21, "a machine that is reverted with its memory: not promised", flag="reverted with its memory"),
    # what is dirty
    broken("other message", 2, "nothing is dirty", lineage=NothingIsDirty),
    broken("other message", 2, "sync covers what moved behind the question", lineage=CoversWhatMoved),
    broken("other message", 26, "what is dirty is not stored", flag="dirty unsaved"),
    broken("other message", 77, "pages leave clean", flag="page stays clean"),
    broken("other message", 11, "pushes of messages leave clean", flag="message stays clean"),
    broken("own lost unsaid", 16, "replies leave clean", flag="reply stays clean"),
    broken("cursors", 273, "cursors leave clean", flag="cursor stays clean"),
    broken("state", 500, "pushes of state leave clean", flag="state stays clean"),
    broken("about", 212, "pushes of about leave clean", flag="about stays clean"),
    broken("settings", 301, "pushes of settings leave clean", flag="settings stays clean"),
    broken("account", 88, "pushes of the account leave clean", flag="account stays clean"),
    broken("account", 88, "the account is not asked about", lineage=AccountIsClean),
    # what is asked
    broken("other message", 2, "old places under the new session's mark", lineage=Relabels),
    broken("content", 538, "the position asked is `have`", flag="asks at have"),
    broken("state", 354, "the modseq asked is `seen`", flag="asks at seen"),
    broken("head", 1, "a refused token is nobody's place", lineage=RefusedIsGone),
    broken("other message", 17, "pushes are applied before the check", flag="pushes before the check"),
    # what an answer comes to
    broken("cursors", 8, "the row of a check only raises", flag="rows raise"),
    broken("head", 3, "the head is not lowered", flag="head kept"),
    broken("conversations", 40, "what is not found is kept", flag="not found kept"),
    broken("state", 1, "bad state is kept", flag="state kept"),
    broken("state", 189, "former members' state is trusted", lineage=TrustsFormerMembers),
    broken("account", 6, "the account is taken by its counter", flag="account by its counter"),
    # edits and own messages
    broken("content", 58, "nothing is read again", lineage=NeverReadsAgain),
    broken("content", 256, "revisions of pages are not noted", lineage=OnlyEditsThatWereTold),
    broken("content", 75, "targets of edits are not noted", lineage=OnlyEditsThatWereSeen),
    broken("own lost unsaid", 46, "a reply is forgotten", lineage=RepliesAreNotKept),
    broken("own lost unsaid", 4, "own messages are forgotten", lineage=LosesWhatIsLost),
    broken("own still looked for", 4, "own messages are never called gone", lineage=NeverTells),
    # teams
    broken("conversations", 8, "a team's conversations stay when it is left", flag="team kept"),
    broken("reset for nothing", 13, "to lose a team is told", lineage=TeamsAreNothingSpecial, calm=True),
    broken("own lost unsaid", 404, "to lose a team is never told", lineage=TeamsAreLostSilently),
)  # fmt: skip
