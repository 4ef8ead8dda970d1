"""Everything measured of one half, as counts: what the tables show, the bars are held against, and the first score keeps."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.understanding.acts import Reading, Scene, Weight
from imserver.plugins.booking.understanding.alarms import RedFlags
from imserver.plugins.booking.understanding.lexicon import Lexicon
from imserver.plugins.booking.understanding.reader import understand

from . import alarms
from .alarms import CAREFUL, URGENT, AlarmScore, measure_alarms, missed_share, summed
from .chains import chain_file
from .corpus import APART, APART_DIALOGUES, Half, Want, utterances
from .dialogues import DialogueVerdict, End, measure_dialogues
from .judge import Outcome, Verdict, judge
from .scenes import Scenes

NOTHING = "—"


@dataclass(slots=True)
class ActCounts:
    """What became of one kind of act. `asked` and `unheard` are missed: the text was asked about, or went by."""

    wanted: int = 0
    right: int = 0
    asked: int = 0
    unheard: int = 0
    wrong: int = 0


@dataclass(repr=False)
class Measured:
    """One half."""

    half: Half
    verdicts: list[Verdict]
    readings: list[Reading]
    dialogues: list[DialogueVerdict]
    alarms: AlarmScore
    micros: list[float] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<{self.half} half, {len(self.verdicts)} texts>"  # a test that fails prints no words

    @cached_property
    def outcomes(self) -> Counter[Outcome]:
        """Texts by outcome."""
        return Counter(verdict.outcome for verdict in self.verdicts)

    @property
    def plain(self) -> int:
        """Texts that say something plain: the others may be asked about."""
        return sum(bool(verdict.utterance.wants) for verdict in self.verdicts)

    @property
    def offering(self) -> int:
        """Texts in which anything was read, so that something is offered."""
        return sum(verdict.offers for verdict in self.verdicts)

    @property
    def needless(self) -> float:
        return self.outcomes[Outcome.ASKED] / max(1, self.plain)

    @property
    def offered_wrong(self) -> float:
        return self.outcomes[Outcome.OFFERED] / max(1, self.offering)

    @property
    def acted_wrong(self) -> int:
        return self.outcomes[Outcome.ACTED]

    @property
    def neutral(self) -> float:
        """How many texts have a neutral rest, which goes to the people as a note."""
        texts = sum(any(one.weight is Weight.NEUTRAL for one in reading.rest) for reading in self.readings)
        return texts / max(1, len(self.readings))

    @property
    def dangerous(self) -> float:
        return sum(reading.dangerous for reading in self.readings) / max(1, len(self.readings))

    @property
    def ends(self) -> Counter[End]:
        """Dialogues by their ends."""
        return Counter(verdict.end for verdict in self.dialogues)

    def acts(self) -> dict[str, ActCounts]:
        """By kind and what."""
        counts: dict[str, ActCounts] = {}
        for verdict in self.verdicts:
            for want in verdict.right:
                _counts(counts, want).right += 1
            for want in verdict.missed:
                row = _counts(counts, want)
                row.asked, row.unheard = row.asked + verdict.asks, row.unheard + (not verdict.asks)
            for name, _ in verdict.wrong:
                counts.setdefault(name, ActCounts()).wrong += 1
        for row in counts.values():
            row.wanted = row.right + row.asked + row.unheard
        return dict(sorted(counts.items()))

    def confusion(self) -> Counter[tuple[str, str]]:
        """(wanted, read instead), pairs of what was missed and what was read beside it, text by text."""
        pairs: Counter[tuple[str, str]] = Counter()
        for verdict in self.verdicts:
            missed, extra = [want.name for want in verdict.missed], list(verdict.extra)
            for number in range(max(len(missed), len(extra))):
                one = missed[number] if number < len(missed) else NOTHING
                other = extra[number] if number < len(extra) else NOTHING
                pairs[one, other] += 1
        return pairs

    def score(self) -> dict[str, Any]:
        """The figures alone."""
        kinds, near = self.alarms.kinds, self.alarms.near
        plain, beside = summed(near, near=False), summed(near, near=True)
        return {
            "texts": len(self.verdicts),
            "right": self.outcomes[Outcome.RIGHT],
            "asked_needlessly": self.outcomes[Outcome.ASKED],
            "offered_wrong": self.outcomes[Outcome.OFFERED],
            "acted_wrong": self.outcomes[Outcome.ACTED],
            "needless_share": round(self.needless, 4),
            "offered_wrong_share": round(self.offered_wrong, 4),
            "neutral_share": round(self.neutral, 4),
            "dialogues": {end.value: self.ends[end] for end in End},
            "alarms": sum(kinds.values(), Counter[str]())["texts"],
            "alarms_missed_share": round(missed_share(sum(kinds.values(), Counter[str]())), 4),
            "alarms_missed_share_of_worst_kind": round(max(map(missed_share, kinds.values())), 4),
            "gravest_missed": self.alarms.gravest_missed,
            "ordinary_urgent_share": round(plain[URGENT] / max(1, plain["texts"]), 4),
            "ordinary_careful_share": round(plain[CAREFUL] / max(1, plain["texts"]), 4),
            "near_urgent_share": round(beside[URGENT] / max(1, beside["texts"]), 4),
        }


def measure(half: Half, told: Callable[[str], None] = lambda _: None) -> Measured:
    """Read, look at and play everything of one half; `told` hears what comes next."""
    flags = RedFlags()
    with tempfile.TemporaryDirectory(prefix="imserver-understanding-") as name:
        folder = Path(name)
        told(f"{half}: utterances")
        verdicts, readings, micros = read_all(half, flags, folder)
        told(f"{half}: alarms")
        score = measure_alarms(half, flags)
        told(f"{half}: dialogues")
        played = asyncio.run(measure_dialogues(half, folder))
    return Measured(half, verdicts, readings, played, score, micros)


def measure_apart(told: Callable[[str], None] = lambda _: None) -> dict[str, Counter[str]]:
    """How the files of other authors come out: outcomes of texts, or ends of dialogues, by file."""
    flags, found = RedFlags(), {}
    with tempfile.TemporaryDirectory(prefix="imserver-understanding-") as name:
        folder = Path(name)
        for file in APART:
            told(f"open: {file}")
            found[file] = Counter(one.outcome.name for one in read_all("open", flags, folder, file)[0])
        for file in APART_DIALOGUES:
            told(f"open: {file}")
            found[file] = Counter(
                one.end.name for one in asyncio.run(measure_dialogues("open", folder, file))
            )
    return found


def read_all(
    half: Half, flags: RedFlags, folder: Path, name: str = "utterances"
) -> tuple[list[Verdict], list[Reading], list[float]]:
    """Verdicts, readings and microseconds of CPU of all utterances of one file."""
    chain = load_chain(chain_file(half, folder, shops=True))
    lexicon, scenes = Lexicon(chain), Scenes(chain)
    verdicts, readings, micros = [], [], []
    for utterance in utterances(half, name):
        scene = scenes.of(utterance)
        begun = time.process_time_ns()
        reading = _read(half, utterance.text, scene, lexicon)
        micros.append((time.process_time_ns() - begun) / 1000)
        found = alarms.look(flags, utterance.text)
        wanted = any(want.kind == "alarm" for want in utterance.wants)
        kind = found.kind if found.weight == URGENT or (wanted and found.weight) else None
        readings.append(reading)
        verdicts.append(judge(utterance, reading, scene, chain, kind))
    return verdicts, readings, micros


def _read(half: Half, text: str, scene: Scene, lexicon: Lexicon) -> Reading:
    """Read one text. A failure on a sealed one is told without its words, which a traceback might show."""
    try:
        return understand(text, scene, lexicon)
    except Exception as error:
        if half == "open":
            raise
        raise RuntimeError(f"the reader fails on a text of the sealed half: {type(error).__name__}") from None


def _counts(counts: dict[str, ActCounts], want: Want) -> ActCounts:
    return counts.setdefault(want.name, ActCounts())
