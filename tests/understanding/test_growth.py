"""The corpus only grows, and its sealed half is older than the reader: no text is taken away or expects something else unless a
decision names it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.understanding import digests
from tests.understanding.history import History, NoHistoryError, plain_environment

ROOT = Path(__file__).resolve().parents[2]
SEALED, READER = "tests/understanding/sealed", "imserver/plugins/booking/understanding/reader.py"
KEEP = "`python -m tests.understanding keep` notes texts that are new"
DECIDE = "name it in a page of docs/decisions, as `open/utterances o001`, then run `python -m tests.understanding keep`"


@pytest.fixture(scope="module")
def history() -> History:
    try:
        return History(ROOT)
    except NoHistoryError as reason:
        pytest.skip(str(reason))


def test_every_text_is_what_it_was() -> None:
    found = digests.compare(digests.kept(), digests.present(), digests.decided(ROOT))
    assert not found.undecided, f"changed or taken away: {found.undecided[:20]}; {DECIDE}"
    assert not found.unkept, f"new: {found.unkept[:20]}; {KEEP}"
    assert not found.decided, f"decided, and not noted yet; {KEEP}"


def test_no_digest_that_was_ever_kept_is_gone_or_another_one(history: History) -> None:
    now, decisions = digests.kept(), digests.decided(ROOT)
    for commit, content in history.copies("tests/understanding/digests.txt"):
        found = digests.compare(digests.kept(content), now, decisions)
        assert not found.undecided, f"since {commit[:12]}: {found.undecided[:20]}; {DECIDE}"


def test_the_sealed_half_was_there_before_the_reader(history: History) -> None:
    sealed, reader = history.first_with(SEALED), history.first_with(READER)
    assert sealed is not None
    if reader is None:
        pytest.skip("there is no reader yet")
    assert history.is_ancestor(sealed, reader), f"{sealed[:12]} holds the corpus, {reader[:12]} the reader"


# --------------------------------------------------------------------------------------------------- the rules themselves

KEPT = {"open/utterances o001": "a" * 12, "sealed/alarms a0001": "b" * 12}


def test_a_new_text_is_welcome_and_another_expectation_is_not() -> None:
    new = digests.compare(KEPT, {**KEPT, "open/others n0001": "c" * 12}, frozenset())
    assert (new.new, new.undecided) == (1, [])
    changed = {**KEPT, "open/utterances o001": "d" * 12}
    assert digests.compare(KEPT, changed, frozenset()).undecided == ["open/utterances o001"]
    gone = {"open/utterances o001": "a" * 12}
    assert digests.compare(KEPT, gone, frozenset()).undecided == ["sealed/alarms a0001"]


def test_a_decision_lets_one_text_change_and_no_other(tmp_path: Path) -> None:
    pages = tmp_path / "docs" / "decisions"
    pages.mkdir(parents=True)
    (pages / "0099-a-text-was-read-wrongly.md").write_text(
        "`open/utterances o001` meant Saturday.\n", "utf-8"
    )
    changed = dict.fromkeys(KEPT, "d" * 12)
    found = digests.compare(KEPT, changed, digests.decided(tmp_path))
    assert (found.decided, found.undecided) == (1, ["sealed/alarms a0001"])


def test_a_digest_is_of_the_text_and_all_that_is_expected_of_it() -> None:
    row = {"id": "o001", "text": "好", "acts": [{"act": "yes"}]}
    assert digests.digest(row) == digests.digest(dict(reversed(row.items())))
    assert digests.digest(row) != digests.digest({**row, "acts": []})
    assert digests.digest(row) != digests.digest({**row, "text": "好的"})


def test_history_tells_who_was_first_also_behind_a_merge(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            check=True, capture_output=True, env=plain_environment(),
        )  # fmt: skip

    def commit(name: str) -> None:
        (tmp_path / name).write_text("x", "utf-8")
        git("add", ".")
        git("commit", "-qm", name)

    git("init", "-qb", "main")
    commit("root")
    git("checkout", "-qb", "corpus")
    commit("corpus")
    git("checkout", "-q", "main")
    git("checkout", "-qb", "early")
    commit("early_reader")
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-ff", "-m", "both", "corpus", "early")
    commit("late_reader")
    history = History(tmp_path)
    corpus = history.first_with("corpus")
    assert corpus is not None
    late, early = history.first_with("late_reader"), history.first_with("early_reader")
    assert late is not None
    assert early is not None
    assert history.is_ancestor(corpus, late)
    assert not history.is_ancestor(corpus, early)
    assert history.first_with("nothing") is None


def test_a_tarball_has_no_history(tmp_path: Path) -> None:
    with pytest.raises(NoHistoryError):
        History(tmp_path)
