"""The command measures both halves, says nothing of the sealed one but figures, and keeps its first score once."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading
from imserver.plugins.booking.understanding.alarms import RedFlags
from tests.understanding import __main__ as command
from tests.understanding import alarms, page
from tests.understanding import measure as measuring
from tests.understanding.alarms import measure_alarms
from tests.understanding.bars import bars
from tests.understanding.corpus import (
    CANNOT_BE,
    FILES,
    HALVES,
    Half,
    Utterance,
    kind_of_alarm,
    rows,
    utterances,
)
from tests.understanding.dialogues import DialogueVerdict, End, play, verdict
from tests.understanding.judge import Outcome
from tests.understanding.measure import Measured, read_all
from tests.understanding.played import Played, Standing, violated
from tests.understanding.tables import show, show_alarms, show_dialogues, show_texts
from tests.understanding.values import PARTS

CHAIN = load_chain("demo")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The sealed half with a few of its dialogues, which are what takes time."""
    flags = RedFlags()
    verdicts, readings, micros = read_all("sealed", flags, tmp_path_factory.mktemp("chain"))
    ended = DialogueVerdict("x1", End.WRONG, ("booked: …",), Played())
    return Measured("sealed", verdicts, readings, [ended], measure_alarms("sealed", flags), micros)


def printed(measured: Measured) -> str:
    out = io.StringIO()
    show(Console(width=130, file=out), measured, list(bars(measured)), {"texts": 1})
    return out.getvalue()


def test_of_the_sealed_half_neither_a_text_nor_an_id_is_printed(sealed: Measured) -> None:
    out = printed(sealed)
    assert "bars of the sealed half" in out
    assert "first and present score" in out
    assert "confusion" not in out
    tokens = frozenset(out.split())
    for name in FILES:
        told = sum(_told(row, out, tokens) for row in rows("sealed", name))
        assert told == 0, name


def _told(row: dict[str, Any], out: str, tokens: frozenset[str]) -> bool:
    words = [row.get("text", ""), *(turn.get("say", "") for turn in row.get("turns", ()))]
    # A short English word may be one of the tables' own.
    said = any(len(text) > (12 if text.isascii() else 3) and text in out for text in words)
    return said or row["id"] in tokens


def test_of_the_sealed_half_nothing_is_listed(sealed: Measured) -> None:
    console = Console(quiet=True)
    for listed in (show_dialogues, show_alarms):
        with pytest.raises(AssertionError):
            listed(console, sealed)
    with pytest.raises(AssertionError):
        show_texts(console, sealed, Outcome.ACTED)


def test_a_reader_that_fails_on_a_sealed_text_does_not_print_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def failing(text: str, *_: Any) -> Reading:
        raise ValueError(text)

    monkeypatch.setattr(measuring, "understand", failing)
    with pytest.raises(RuntimeError, match=r"sealed half: ValueError$") as told:
        read_all("sealed", RedFlags(), tmp_path)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__


def test_the_first_score_is_kept_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sealed: Measured
) -> None:
    file = tmp_path / "first_score.json"
    monkeypatch.setattr(command, "FIRST_SCORE", file)
    monkeypatch.setattr(command, "measure", lambda half: sealed)
    monkeypatch.setattr(command, "_commit", lambda: "c" * 40)
    first = CliRunner().invoke(command.main, ["first-score"], catch_exceptions=False)
    assert first.exit_code == 0
    kept = file.read_bytes()
    assert json.loads(kept)["score"] == sealed.score()
    again = CliRunner().invoke(command.main, ["first-score"])
    assert again.exit_code == 1
    assert "first score stays" in again.output
    assert file.read_bytes() == kept


def test_the_page_has_the_first_score_that_is_kept(sealed: Measured) -> None:
    text = (command.ROOT / "docs" / "understanding.md").read_text("utf-8")
    kept = {"commit": "c" * 40, "day": "2026-12-01", "score": sealed.score()}
    shown = page.filled(text, kept, sealed.score(), "2026-12-24")
    assert "| sealed half | first (2026-12-01, ccccccc) | 2026-12-24 |" in shown
    assert f"| right, of {len(sealed.verdicts)} texts | {sealed.outcomes[Outcome.RIGHT]} |" in shown
    assert page.filled(shown, kept, sealed.score(), "2026-12-24") == shown
    if command.FIRST_SCORE.exists():
        kept = json.loads(command.FIRST_SCORE.read_text("utf-8"))
        for what, first, _ in page.rows(kept["score"], kept["score"]):
            assert f"| {what} | {first} |" in text


def test_it_fails_if_a_bar_does_not_hold(monkeypatch: pytest.MonkeyPatch, sealed: Measured) -> None:
    monkeypatch.setattr(command, "measure", lambda half, told: sealed)
    result = CliRunner().invoke(command.main, ["--half", "sealed"])
    assert result.exit_code == 1
    assert "bars fail" in result.output


@pytest.mark.parametrize("half", HALVES)
def test_a_reading_of_exactly_what_is_wanted_is_right_everywhere(
    half: Half, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The two halves' words, values and phrases are all understood: nobody who reads what stands there is called wrong."""
    at: dict[tuple[str, Any], list[Utterance]] = {}
    for one in utterances(half):
        at.setdefault((one.text, one.now), []).append(one)

    def reading(text: str, scene: Any, lexicon: Any) -> Reading:
        one = at[text, scene.now].pop(0)
        return Reading(text, tuple(_acts(one, lexicon.chain)), people=tuple(_people(one)))

    monkeypatch.setattr(measuring, "understand", reading)
    monkeypatch.setattr(alarms, "look", lambda flags, text: alarms.Found())
    verdicts, _, _ = read_all(half, RedFlags(), tmp_path)
    missing = len(verdicts) - [verdict.outcome for verdict in verdicts].count(Outcome.RIGHT)
    assert missing == 0  # a figure alone: this runs on the sealed half as well


@pytest.mark.parametrize("half", HALVES)
def test_both_halves_speak_the_words_of_the_reader(half: Half) -> None:
    known: dict[str, frozenset[str]] = {
        "service": frozenset(service.id for service in CHAIN.services),
        "range": frozenset({*PARTS, "weekend"}),
        "age": frozenset(band.id for band in CHAIN.age_bands),
        "number": frozenset({"last"}),
    }
    values = {
        (want.what, value)
        for one in utterances(half)
        for want in one.allows()
        for value in want.values
        if isinstance(value, str) and value != CANNOT_BE
    }
    assert {what for what, value in values if what in known and value not in known[what]} == set()
    assert {what for what, _ in values} <= {*known, "shop", "person", "name", "phone", "code", "other"}
    kinds = {kind_of_alarm(row) for row in rows("open", "alarms")}
    assert {kind_of_alarm(row) for row in rows(half, "alarms")} == kinds
    wanted = {want.what for one in utterances(half) for want in one.allows() if want.kind is Kind.ALARM}
    assert wanted <= kinds


def _people(one: Utterance) -> Iterator[str]:
    for want in one.wants:
        if want.what == "person" and any("," in value for value in want.values):
            yield from want.values[0].split(",")


def _acts(one: Utterance, chain: Any) -> list[Act]:
    acts = []
    for want in one.wants:
        value: Any = want.values[0] if len(want.values) == 1 else want.values or None
        if want.what == "shop" and value is not None:
            value = next((shop.id for shop in chain.stores if value in (shop.id, *shop.words)), value)
        if want.what in ("time", "range") and len(want.values) > 1:
            acts += [Act(want.kind, want.what, value) for value in want.values]
        else:
            acts.append(Act(want.kind, want.what, value))
    if any(want.kind is Kind.REFUSE and not want.what for want in one.wants):
        acts.append(Act(Kind.REFUSE, "time"))
    return acts


# -------------------------------------------------------------------------------------------------------------- dialogues

ROW: dict[str, Any] = {
    "id": "x1", "now": "2026-11-18T10:00", "never": ["book 2026-11-20 15:00"],
    "expect": {"booked": {"day": "2026-11-21", "start": "15:00", "service": "child_exam", "name": "安宁"}},
}  # fmt: skip
SATURDAY = Standing("2026-11-21T15:00", "child-exam", "安宁", "garden")


@pytest.mark.parametrize(
    ("standing", "end"),
    [
        ([SATURDAY], End.RIGHT),
        ([], End.OPEN),
        ([Standing("2026-11-21T16:00", "child-exam", "安宁", "garden")], End.WRONG),
        ([Standing("2026-11-21T15:00", "child-exam", "不要周五", "garden")], End.WRONG),
        ([Standing("2026-11-21T15:00", "exam", "安宁", "garden")], End.WRONG),
        ([SATURDAY, Standing("2026-11-20T15:00", "exam", "安安", "garden")], End.WRONG),
        ([SATURDAY, Standing("2026-11-23T15:00", "exam", "安安", "garden")], End.RIGHT),
        ([SATURDAY, SATURDAY], End.WRONG),
    ],
)
def test_a_dialogue_is_wrong_only_if_something_else_stands_at_its_end(
    standing: list[Standing], end: End
) -> None:
    assert verdict(ROW, Played(standing)).end is end


@pytest.mark.parametrize(("person", "end"), [("我女儿", End.RIGHT), ("我妈", End.WRONG), ("", End.WRONG)])
def test_an_appointment_is_right_only_if_it_is_for_whom_it_was_meant(person: str, end: End) -> None:
    booked = ROW["expect"]["booked"] | {"for": "daughter"}
    row = ROW | {"expect": {"booked": booked}}
    assert verdict(row, Played([replace(SATURDAY, person=person)])).end is end
    own = ROW | {"expect": {"booked": booked | {"for": "self"}}}
    assert (verdict(own, Played([replace(SATURDAY, person=person)])).end is End.RIGHT) is (not person)


@pytest.mark.parametrize(
    ("phrase", "kept", "broken"),
    [
        ("book", Played(), Played([SATURDAY])),
        ("book 2026-11-21 15:00", Played([replace(SATURDAY, start="2026-11-21T16:00")]), Played([SATURDAY])),
        ("booked under 安宁", Played([replace(SATURDAY, name="安安")]), Played([SATURDAY])),
        (
            "moved to 2026-11-21 15:00",
            Played(moved_to=["2026-11-22T15:00"]),
            Played(moved_to=["2026-11-21T15:00"]),
        ),
        (
            "2026-11-21 cancelled",
            Played(cancelled=["2026-11-20T15:00"]),
            Played(cancelled=["2026-11-21T15:00"]),
        ),
        ("person 老公", Played([SATURDAY]), Played([replace(SATURDAY, person="husband")])),
    ],
)
def test_what_must_never_happen_is_found_at_the_end(phrase: str, kept: Played, broken: Played) -> None:
    assert (violated(phrase, kept), violated(phrase, broken)) == (False, True)


@pytest.mark.parametrize("half", HALVES)
def test_every_phrase_of_what_must_never_happen_is_checked_or_known_as_none(half: Half) -> None:
    phrases = {phrase for row in rows(half, "dialogues") for phrase in row["never"]}
    unknown = set()
    for number, phrase in enumerate(sorted(phrases)):
        try:
            violated(phrase, Played())
        except KeyError:
            unknown.add(number)
    assert not unknown, "phrases that could never be violated"
    with pytest.raises(KeyError):
        violated("dance", Played())


def test_a_dialogue_in_which_the_plugin_fails_is_broken_and_not_printed_with_its_words() -> None:
    assert verdict(ROW, Played(failure="KeyError: 'x'")).end is End.BROKEN


def test_a_dialogue_is_played_with_the_plugin_at_its_own_time() -> None:
    row = {
        "now": "2026-03-18T10:00",
        "turns": [
            {"say": "预约 周五下午三点 验光 我叫安安 30岁 第一次"},
            {"say": "好"},
            {"say": "取消"},
            {"say": "好"},
        ],
    }
    played = asyncio.run(play(row))
    assert not played.failure
    assert (played.standing, played.cancelled) == ([], ["2026-03-20T15:00"])
    booked = asyncio.run(play({**row, "turns": row["turns"][:2]}))
    assert booked.standing == [Standing("2026-03-20T15:00", "exam", "安安", "garden")]
    assert not booked.told_people
