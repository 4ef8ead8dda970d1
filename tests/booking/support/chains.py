"""A one-store chain whose numbers a test chooses."""

from __future__ import annotations

from pathlib import Path

from imserver.plugins import booking
from imserver.plugins.booking.schedule.chain_file import parse_chain
from imserver.plugins.booking.schedule.shops import Chain

#: The chain that ships.
DEMO = Path(booking.__file__).parent / "chains" / "demo.toml"

CHAIN = """
name = "trial"
bot = "trial-bot"
names = {{ zh = "试", en = "Trial" }}

[[age_bands]]
id = "child"
below = 16
guardian = true
names = {{ zh = "儿童", en = "child" }}
words = ["儿童"]

[[age_bands]]
id = "adult"
names = {{ zh = "成人", en = "adult" }}
words = ["成人"]

[[services]]
id = "exam"
names = {{ zh = "验光", en = "eye exam" }}
words = ["验光", "eye exam"]
minutes = {minutes}
buffer_min = {buffer}
needs = [{{ kind = "person", skill = "refraction" }}, {{ kind = "room" }}]
asks_age = false
asks_first_visit = false

[[stores]]
id = "shop"
bot = "trial-shop"
names = {{ zh = "试店", en = "Trial shop" }}
words = ["试店"]
zone = "{zone}"
address = {{ zh = "路 1 号", en = "1 Road" }}
lead_min = 0
hours = {{ mon = {hours}, tue = {hours}, wed = {hours}, thu = {hours}, fri = {hours}, sat = {hours}, sun = {hours} }}
{extra}
"""


def trial(
    *,
    people: int = 1,
    rooms: int = 1,
    zone: str = "Asia/Shanghai",
    hours: str = '["09:00-18:00"]',
    minutes: int = 30,
    buffer: int = 0,
    extra: str = "",
    person: str = "",
) -> Chain:
    """Optometrists, rooms, hours and lengths as wanted; the rest does not matter. `person`: more lines for each person."""
    text = CHAIN.format(zone=zone, hours=hours, minutes=minutes, buffer=buffer, extra=extra)
    for number in range(people):
        text += (
            f'\n[[stores.resources]]\nid = "person-{number}"\nkind = "person"\nskills = ["refraction"]\n'
            f'names = {{ zh = "{number}", en = "{number}" }}\n{person}\n'
        )
    for number in range(rooms):
        text += (
            f'\n[[stores.resources]]\nid = "room-{number}"\nkind = "room"\n'
            f'names = {{ zh = "r{number}", en = "r{number}" }}\n'
        )
    return parse_chain(text)


def demo(folder: Path, **changes: str) -> str:
    """The demo chain with other lines for its first shop, as a file: `demo(tmp_path, confirmation='"staff"')`."""
    text = DEMO.read_text(encoding="utf-8")
    lines = "".join(f"{name} = {value}\n" for name, value in changes.items())
    file = folder / "chain.toml"
    file.write_text(text.replace('id = "garden"\n', f'id = "garden"\n{lines}', 1), encoding="utf-8")
    return str(file)
