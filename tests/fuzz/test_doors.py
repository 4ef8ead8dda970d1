"""The other doors at which text and bytes of strangers come in: contents, tokens, configuration, dates, and what a server tells
the client library. Each takes what is right, and has one declared way to say no."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import random
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
import msgpack
import pytest

from imserver.chat.accounts import Accounts, Identity
from imserver.chat.posting import Posting
from imserver.clock import SystemClock
from imserver.config import AuthConfig, Config, LimitsConfig, load_config
from imserver.content import decode_content, encode_content
from imserver.errors import ConfigError, NotAuthorized, Refusal
from imserver.net.dispatch import read_params
from imserver.plugins.booking.understanding.when import read_when
from imserver.testing import scratch_store
from imserver_client import wire
from imserver_protocol import EncodeError, MalformedFrame
from imserver_protocol.methods.history import HistoryResult
from tests.fuzz.runs import seed_of_this_run
from tests.store.support import Recorder
from tests.support.methods import METHODS

from . import damage
from .corpus import STRINGS, Grammar, contents
from .shapes import TOLD, right

SECRET = "a secret for tests that is long enough"


# -- contents -------------------------------------------------------------------------------------------------------------


def contents_at_the_door(rng: random.Random, count: int) -> Counter[str]:
    """The bytes of contents: a map, and the server's yes or a refusal; or the one declared error."""
    found: Counter[str] = Counter()
    grammar, pool = Grammar(rng), [content for content in contents() if content]
    judge = Posting(None, SystemClock(), LimitsConfig())  # type: ignore[arg-type]
    for _ in range(count):
        if rng.random() < 0.3:
            grammar.nearly = rng.choice((0.0, 0.1))
            data = msgpack.packb({"type": rng.choice(STRINGS), "text": grammar.value(), "x": grammar.value()})
            grammar.nearly = 0.0
        else:
            data = damage.damaged(rng, rng.choice(pool), pool)
        refusal = judge.check(bytes(16), data)[1]
        try:
            content = decode_content(data)
        except MalformedFrame:
            found["malformed"] += 1
            assert refusal is not None
            continue
        found["refused" if refusal is not None else "taken"] += 1
        with contextlib.suppress(EncodeError):  # a shorter form may not be shorter: no map grows by reading
            assert repr(decode_content(encode_content(content))) == repr(content)
    return found


# -- tokens ---------------------------------------------------------------------------------------------------------------

CLAIMS: dict[str, tuple[Any, ...]] = {
    "sub": ("alice", "", " ", "x" * 65, "\x00", 7, None, ["alice"], {"a": 1}, "\ud800"),
    "exp": (
        2**33,
        2**62,
        10**400,
        1,
        0,
        -1,
        math.inf,
        math.nan,
        -math.inf,
        2.5e9,
        "2e9",
        True,
        None,
        [2**33],
    ),
    "nbf": (0, 2**33, math.nan, -math.inf, "0", None, False),
    "iat": (0, "now", math.nan),
    "device": ("phone", "tablet", "", 7, None, ["phone"]),
    "jti": ("a", "", "x" * 65, 7, None, "\ud800", "\n"),
    "scope": ("chat", "", "other", 7, None, ["chat"], "chat other"),
    "aud": ("x", ["x"]),
}


def token_of(rng: random.Random) -> str:
    """Rightly signed, with any claims; or damaged in its text; or signed by somebody else."""
    claims: dict[str, Any] = {"sub": "alice", "exp": 2**33}
    for name, values in CLAIMS.items():
        if rng.random() < 0.15:
            claims[name] = rng.choice(values)
    if rng.random() < 0.1:
        claims.pop(rng.choice(("sub", "exp")))
    key = SECRET if rng.random() < 0.9 else "another secret that is long enough, too"
    token = jwt.encode({}, key, algorithm="HS256")
    with contextlib.suppress(TypeError, ValueError):
        token = jwt.encode(claims, key, algorithm="HS256")
    if rng.random() < 0.15:
        token = damage.damaged(rng, token.encode(), [b"eyJhbGciOiJub25lIn0.e30.", b"..", b"[" * 3000]).decode(
            "utf-8", rng.choice(("replace", "surrogateescape"))
        )
    elif rng.random() < 0.05:
        body = base64.urlsafe_b64encode(json.dumps(claims, default=str).encode()).decode().rstrip("=")
        token = f"eyJhbGciOiJub25lIn0.{body}."
    return token


async def tokens_at_the_door(rng: random.Random, count: int) -> Counter[str]:
    """An identity, or NotAuthorized."""
    found: Counter[str] = Counter()
    store = scratch_store()
    await store.open(Recorder())
    accounts = Accounts(store, SystemClock(), AuthConfig(secret=SECRET, create_users=True))
    for _ in range(count):
        token, device = token_of(rng), rng.choice((*["phone"] * 20, "", "x" * 65, "\x00", "\ud800"))
        try:
            identity = await accounts.authenticate(token, device)
        except NotAuthorized as refusal:
            found[str(refusal).partition(":")[0]] += 1
        else:
            assert isinstance(identity, Identity)
            assert (identity.user.user_id, identity.device_id) == ("alice", device)
            assert identity.expires_at_s > 10**9
            found["let in"] += 1
    await store.close()
    return found


# -- the configuration ----------------------------------------------------------------------------------------------------

VALUES: tuple[str, ...] = (
    "1",
    "0",
    "-1",
    "7410",
    "65536",
    "1e400",
    "nan",
    "inf",
    "-inf",
    "true",
    '""',
    '"x"',
    '"auto"',
    "[]",
    "{}",
)
VALUES += (
    "1.5",
    "9223372036854775808",
    '"::1"',
    '"0.0.0.0"',
    "1979-05-27",
    '"\\u0000"',
    "[[1]]",
    "{a = 1}",
    "0x10",
    "_",
)


def settings_of(rng: random.Random) -> str:
    """A TOML file: sections and fields that exist, and that do not, with any values; sometimes damaged."""
    lines = []
    for section in Config.__struct_fields__:
        if rng.random() < 0.3:
            lines.append(
                f"[{section}]"
                if section != "plugins"
                else f"[plugins.{rng.choice(('booking', 'x', 'ping'))}]"
            )
            fields = getattr(getattr(Config(), section), "__struct_fields__", ("anything",))
            lines += [f"{name} = {rng.choice(VALUES)}" for name in fields if rng.random() < 0.1]
            if rng.random() < 0.05:
                lines.append(f"no_such_field = {rng.choice(VALUES)}")
    text = "\n".join(lines)
    if text and rng.random() < 0.1:
        text = damage.damaged(rng, text.encode(), [b"[[a]]", b"\x00"]).decode("utf-8", "replace")
    return text


def settings_at_the_door(rng: random.Random, count: int, folder: Path) -> Counter[str]:
    """A configuration, or ConfigError with the path of the field."""
    found: Counter[str] = Counter()
    path = folder / "imserver.toml"
    names = [
        f"IMSERVER_{s.upper()}__{f.upper()}"
        for s in ("server", "limits", "x")
        for f in ("port", "max_requests", "a__b")
    ]
    for _ in range(count):
        path.write_text(settings_of(rng), encoding="utf-8")
        environment = {rng.choice(names): rng.choice(VALUES)} if rng.random() < 0.2 else {}
        try:
            load_config(path, environment)
        except ConfigError as error:
            found["refused" if error.path.startswith("$") else "refused without a path"] += 1
        else:
            found["taken"] += 1
    return found


# -- dates ----------------------------------------------------------------------------------------------------------------

_SPOKEN = """
明天 后天 大后天 下周 周 星期 礼拜 三 日 天 上午 下午 晚上 中午 十 点 半 点钟 号 月 年
2026 11 20 15 30 : ： / - . , ，。 ？ 零 两 配镜
tomorrow today next this monday friday noon midnight at on in the 3 pm am 3pm p.m. o'clock half past hours days weeks
２０ Ⅳ ² ٣ -1 99999999999 1e9 ß İ ﬁ 😀
"""
WORDS = [*_SPOKEN.split(), "\u3000", "\x00", "\u202e", "\u0301" * 9]


def dates_at_the_door(rng: random.Random, count: int) -> Counter[str]:
    """Candidates that are times in the future, or a reason to ask."""
    found: Counter[str] = Counter()
    now = datetime.fromisoformat("2026-11-18T10:00")
    for _ in range(count):
        text = rng.choice(("", " ")).join(rng.choice(WORDS) for _ in range(rng.randrange(1, 12)))
        if rng.random() < 0.2:
            text = damage.damaged(rng, text.encode(), [word.encode() for word in WORDS]).decode(
                "utf-8", "replace"
            )
        reading = read_when(
            text, now, rng.choice(("Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"))
        )
        assert bool(reading.candidates) != bool(reading.reason), text
        assert all(candidate.replace(tzinfo=None) >= now for candidate in reading.candidates), text
        found["read" if reading.candidates else "asked"] += 1
    return found


# -- what a server tells the client ---------------------------------------------------------------------------------------

RIGHT: list[tuple[Any, Any]] = [(shape, right(shape)) for shape in TOLD]


def spoilt(rng: random.Random, grammar: Grammar, value: Any) -> Any:
    """The value with something in it replaced."""
    if isinstance(value, tuple) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return (*value[:at], spoilt(rng, grammar, value[at]), *value[at + 1 :])
    return grammar.value()


def values_at_the_door(rng: random.Random, count: int) -> Counter[str]:
    """A value of the shape that was asked for, or BadShape."""
    found: Counter[str] = Counter()
    grammar = Grammar(rng)
    for shape, value in RIGHT:
        wire.read(value, shape)
    for _ in range(count):
        shape, value = rng.choice(RIGHT)
        value = spoilt(rng, grammar, value) if rng.random() < 0.9 else grammar.value()
        try:
            read = wire.read(value, shape)
        except wire.BadShape:
            found["bad shape"] += 1
        else:
            found["taken"] += 1
            if isinstance(read, HistoryResult):
                positions = [item.position for item in read.items]
                assert positions == sorted(set(positions))
                assert all(wire.item("c", item).content is None or item.content for item in read.items)
    return found


# -- what a client asks a server ------------------------------------------------------------------------------------------


def params_at_the_door(rng: random.Random, count: int) -> Counter[str]:
    """Params of the method, or a refusal that names one of them (or says that there is no such conversation)."""
    found: Counter[str] = Counter()
    grammar = Grammar(rng)
    for method in METHODS:
        read_params(method, right(method.params))
    for _ in range(count):
        method = rng.choice(METHODS)
        value = spoilt(rng, grammar, right(method.params))
        value = value if isinstance(value, tuple) else (value,)
        given = value[: rng.randrange(len(value) + 1)] if rng.random() < 0.2 else value
        refusal: Refusal | None = None
        try:
            read = read_params(method, given)
        except Refusal as error:
            refusal = error
            found[error.code.name] += 1
        else:
            found["taken"] += 1
            assert type(read) is method.params
        assert refusal is None or refusal.detail in {None, *method.params.__struct_fields__}
    return found


def report(seed: int, found: dict[str, Counter[str]]) -> None:
    print(f"\ndoors: seed {seed}")
    for door, counts in found.items():
        print(f"doors: {door}: " + ", ".join(f"{name} {count:,}" for name, count in counts.most_common()))


async def play(seed: int, scale: int, folder: Path) -> dict[str, Counter[str]]:
    rng = random.Random(seed)
    found = {
        "contents": contents_at_the_door(rng, 80 * scale),
        "tokens": await tokens_at_the_door(rng, 20 * scale),
        "settings": settings_at_the_door(rng, 5 * scale, folder),
        "dates": dates_at_the_door(rng, 15 * scale),
        "values": values_at_the_door(rng, 80 * scale),
        "params": params_at_the_door(rng, 20 * scale),
    }
    report(seed, found)
    return found


@pytest.mark.prove
@pytest.mark.timeout(240)
async def test_the_doors_for_long(tmp_path: Path) -> None:
    found = await play(seed_of_this_run(), 400, tmp_path)
    assert found["settings"]["refused without a path"] == 0


async def test_the_doors(tmp_path: Path) -> None:
    found = await play(3, 40, tmp_path)
    for door, counts in found.items():
        assert len(counts) >= 2, f"{door}: {counts}"
    assert found["settings"]["refused without a path"] == 0
