"""booking: one-line bookings through the plugin, each with its confirmation. race: all of a crowd want one time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib import resources
from pathlib import Path

from benchmarks.clients.bookers import Booked, BookPlan
from benchmarks.clients.racers import Raced, RacePlan
from benchmarks.histograms import percentile_ms
from benchmarks.measure import Bench
from benchmarks.plan import PartyPlan
from benchmarks.processes import imserver, temporary_folder
from benchmarks.results import Row
from benchmarks.scenarios.base import Scenario, fixed
from benchmarks.scenarios.returning import client_cpus, spent_row, worked
from imserver.plugins.booking.messages.texts import load_words

#: One customer alone shows latency, many show the rate.
CROWDS = (1, 50)
#: Optometrists, and rooms, of the shop: so many customers can be seen at the same time.
SEATS = 30
#: Customers who want one time of a shop with one seat, and how often.
RACERS, ROUNDS = 1_000, 100
SHOP, WORDS = "store-garden", "/stores garden"
_STORE = """
[[stores]]
id = "garden"
bot = "store-garden"
names = { zh = "花园店", en = "Garden Road" }
words = ["花园店", "garden"]
zone = "Asia/Shanghai"
address = { zh = "花园路 18 号一层", en = "18 Garden Road" }
max_upcoming = 100
"""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def booking(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """From the line to the card that asks, and through the tap on yes to the card that says booked."""
    for crowd in CROWDS:
        count = min(crowd, bench.scaled(crowd))
        with temporary_folder() as folder:
            chain = folder / "chain.toml"
            large_shop(chain)
            with imserver(plugins=f'[plugins.booking]\nchain = "{chain}"') as target:
                parties = [PartyPlan(f"c{number}", target.token(f"c{number}")) for number in range(count)]
                plan = BookPlan(
                    target.host, target.port, parties, SHOP, WORDS, bench.seconds, client_cpus(bench)
                )
                seen, cpu, steal = worked(target, "benchmarks.clients.bookers", plan, Booked)
        figures = {
            "per_s": seen.booked / seen.spent.wall_s,
            "line_p50_ms": percentile_ms(seen.line_us, 50.0),
            "line_p99_ms": percentile_ms(seen.line_us, 99.0),
            "booked_p50_ms": percentile_ms(seen.all_us, 50.0),
            "booked_p99_ms": percentile_ms(seen.all_us, 99.0),
            "cpu_ms_per_booking": cpu / max(1, seen.booked) * 1000,
        }
        row = Row("booking", "imserver", f"{count} customers", figures, errors=list(seen.errors))
        row.histograms = {"line": seen.line_us, "booked": seen.all_us}
        yield spent_row(row, seen.spent, steal)


def race(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """Each round everybody says one wish at once: one has it, and everybody is answered."""
    count, rounds = bench.scaled(RACERS, least=5), bench.scaled(ROUNDS, least=2)
    with temporary_folder() as folder:
        chain = folder / "chain.toml"
        large_shop(chain, seats=1)
        with imserver(plugins=f'[plugins.booking]\nchain = "{chain}"') as target:
            parties = [PartyPlan(f"c{number}", target.token(f"c{number}")) for number in range(count)]
            question = str(load_words("en")["ask.confirm_title"])
            plan = RacePlan(
                target.host, target.port, parties, SHOP, WORDS, bench.seconds, client_cpus(bench),
                rounds=rounds, question=question,
            )  # fmt: skip
            seen, _, steal = worked(target, "benchmarks.clients.racers", plan, Raced)
            stored = _confirmed(target.folder / "bench.db")
    figures = {
        "booked": float(sum(seen.booked)),
        "stored": float(stored),
        "unanswered": float(count * rounds - seen.answered),
        "per_s": seen.answered / seen.spent.wall_s,
        "answer_p50_ms": percentile_ms(seen.answer_us, 50.0),
        "answer_p99_ms": percentile_ms(seen.answer_us, 99.0),
    }
    wrong = [f"round {number}: {booked} have it" for number, booked in enumerate(seen.booked) if booked != 1]
    if stored != rounds:
        wrong.insert(0, f"{stored} appointments are stored")
    case = f"{count:,} customers for one time, {rounds} rounds"
    row = Row("race", "imserver", case, figures, errors=[*seen.errors, *wrong[:5]])
    row.histograms = {"answer": seen.answer_us}
    yield spent_row(row, seen.spent, steal)


def _confirmed(database: Path) -> int:
    """The appointments that are stored, whatever anybody was told."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as stored:
        found = stored.execute("SELECT count(*) FROM booking_appointments WHERE status = 'confirmed'")
        return int(found.fetchone()[0])


def large_shop(path: Path, seats: int = SEATS) -> None:
    """The demo chain's services in one shop with these seats, open day and night, so that times do not run out."""
    demo = (resources.files("imserver.plugins.booking") / "chains" / "demo.toml").read_text("utf-8")
    parts = [demo.partition("[[stores]]")[0], _STORE, "[stores.hours]"]
    parts.extend(f'{day} = ["00:00-24:00"]' for day in _DAYS)
    for number in range(seats):
        names = f'names = {{ zh = "{number}号", en = "number {number}" }}'
        person = f'kind = "person"\nrole = "optometrist"\nskills = ["refraction"]\nuser_id = "staff-{number}"'
        parts.append(f'[[stores.resources]]\nid = "person-{number}"\n{names}\n{person}')
        parts.append(f'[[stores.resources]]\nid = "room-{number}"\n{names}\nkind = "room"')
    path.write_text("\n".join(parts), encoding="utf-8")


SCENARIOS = (
    Scenario("booking", "one-line bookings through the plugin", fixed(len(CROWDS)), booking),
    Scenario("race", "1,000 customers for one time, 100 rounds (minutes)", fixed(1), race),
)
