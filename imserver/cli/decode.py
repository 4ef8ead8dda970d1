"""`imserver decode`: the frames in some bytes, by name, and what is wrong with the first one that is."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from imserver.errors import ImserverError
from imserver.trace.decoder import CLIENT, SERVER, Decoded, Decoder, Misfit
from imserver.trace.known import METHODS_BY_NAME
from imserver.trace.shown import HIDDEN, SECRETS
from imserver_protocol.errors import CloseCode, MalformedFrame, RefusalCode
from imserver_protocol.limits import MAX_FRAME_BYTES_CEILING
from imserver_protocol.wire.codec import decode_content

from .app import EXIT_FAILED
from .sanitize import escaped

#: Bytes that are read at most: what somebody looks at, and a minute of a busy session.
MOST_BYTES: Final = 64 * 1024 * 1024
#: A line of a dump: who sends it, and bytes. Whatever stands behind `#` is for readers.
_MARKS: Final = {">": CLIENT, "→": CLIENT, "<": SERVER, "←": SERVER}
_HEX = re.compile(r"[0-9a-fA-F\s]*")
_ARROWS: Final = {CLIENT: "→", SERVER: "←", "": "·"}


class CannotDecode(ImserverError):
    """Nothing that holds bytes."""


@click.command()
@click.argument("what", metavar="[HEX|FILE|-]…", nargs=-1)
@click.option(
    "--from",
    "sender",
    type=click.Choice([CLIENT, SERVER]),
    help="Who sent them. Default: as marks and types tell.",
)
@click.option(
    "--max-frame-bytes",
    "longest",
    metavar="N",
    type=click.IntRange(4096, MAX_FRAME_BYTES_CEILING),
    default=MAX_FRAME_BYTES_CEILING,
    show_default=True,
    help="Longest body, where no WELCOME says.",
)
@click.option("--from-start", is_flag=True, help="The first byte is the first of the connection.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each frame, and one for the fault.")
def decode(what: tuple[str, ...], sender: str | None, longest: int, from_start: bool, as_json: bool) -> int:
    """Show the frames in bytes: hexadecimal digits, a file of them or of the bytes themselves, or what comes in on `-`.

    A line of digits that begins with > was sent by a client, one with < by a server, and what stands behind a # is for
    readers. Unmarked frames are taken as their types tell. The first fault is shown as a receiver finds it: with its place, the
    code that it closes (or refuses) with, and the section of protocol/SPEC.md. Nothing is read behind it. Tokens are not shown.

    \b
    Try it:
        imserver decode 00000004 93020003
        imserver decode < session.bin

    Exit 0: all is well; 1: there is a fault.
    """
    decoder = Decoder(longest, from_start=from_start)
    show = _json if as_json else _line
    if not as_json:
        click.echo(
            click.style(f"{'byte':>7}    {'type':8} {'seq':>6} {'ack':>6} {'bytes':>7}  says", dim=True)
        )
    for data, marked in _pieces(what):
        for frame in decoder.feed(data, marked or sender or ""):
            click.echo(show(frame))
        if decoder.fault is not None:
            break
    decoder.end()
    if decoder.fault is None:
        return 0
    click.echo(_fault_json(decoder.fault) if as_json else _fault_line(decoder.fault))
    return EXIT_FAILED


# -- what comes in ----------------------------------------------------------------------------------------------------


def _pieces(what: tuple[str, ...]) -> Iterator[tuple[bytes, str]]:
    """Bytes, and who sent them if it says. Arguments of digits are one piece. Raises CannotDecode."""
    if not what and sys.stdin.isatty():
        raise CannotDecode("nothing to decode: give hexadecimal digits, a file, or - for standard input")
    if what and all(_HEX.fullmatch(one) and (len(one) > 255 or not Path(one).is_file()) for one in what):
        yield _digits("".join(what)), ""
        return
    for one in what or ("-",):
        yield from _read(one)


def _read(name: str) -> Iterator[tuple[bytes, str]]:
    try:
        if name == "-":
            data = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CannotDecode(f"{name}: {error.strerror}; neither a file nor hexadecimal digits") from None
    if len(data) > MOST_BYTES:
        raise CannotDecode(f"{name}: more than {MOST_BYTES // 2**20} MiB")
    text = _as_text(data)
    if text is None:
        yield data, ""
        return
    for line in text.splitlines():
        said = line.partition("#")[0].strip()
        if said:
            sender = _MARKS.get(said[0], "")
            yield _digits(said[1:] if sender else said), sender


def _as_text(data: bytes) -> str | None:
    """Digits and marks as text; None: these are the bytes. A frame begins with a byte of zeros, and no text does."""
    if b"\x00" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _digits(text: str) -> bytes:
    try:
        return bytes.fromhex("".join(text.split()))
    except ValueError:
        raise CannotDecode(f"not hexadecimal digits: {escaped(text[:40])!r}") from None


# -- what comes out ---------------------------------------------------------------------------------------------------


def _line(frame: Decoded) -> str:
    says = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in _fields(frame))
    if frame.answers:
        says = f"answers={frame.answers} {says}"
    head = f"{frame.offset:>7}  {click.style(f'{_ARROWS[frame.sender]} {frame.kind:8}', fg='cyan')}"
    return f"{head} {frame.seq:>6} {frame.ack:>6} {len(frame.body):>7}  {escaped(says)}".rstrip()


def _json(frame: Decoded) -> str:
    told: dict[str, Any] = {"offset": frame.offset, "from": frame.sender or None, "type": frame.kind}
    told |= {"seq": frame.seq, "ack": frame.ack, "bytes": len(frame.body)}
    if frame.answers:
        told["answers"] = frame.answers
    return json.dumps(told | {"fields": dict(_fields(frame))}, ensure_ascii=False)


def _fault_line(fault: Misfit) -> str:
    by = f" of what the {fault.sender} sent" if fault.sender else ""
    text = f"byte {fault.offset}{by}: {fault.code}: {escaped(fault.text)} (SPEC section {fault.section})"
    return click.style(text, fg="red")


def _fault_json(fault: Misfit) -> str:
    told = {"offset": fault.offset, "from": fault.sender or None, "code": fault.code, "text": fault.text}
    return json.dumps({"fault": told | {"section": fault.section}}, ensure_ascii=False)


def _fields(frame: Decoded) -> Iterator[tuple[str, Any]]:
    """The fields as JSON, those of params and results by their names, too."""
    given = dict(frame.fields)
    for name, value in frame.fields:
        if name == "params" and (method := METHODS_BY_NAME.get(given["method"])) is not None:
            yield name, _by_name(method.params, value)
        elif name == "result" and (method := METHODS_BY_NAME.get(frame.answers)) is not None:
            yield name, _by_name(method.result, value)
        elif name == "code":
            yield name, _code(CloseCode if frame.kind == "GOODBYE" else RefusalCode, value)
        else:
            yield name, _plain(name, value)


def _by_name(shape: Any, values: Any) -> Any:
    names = getattr(shape, "__struct_fields__", None)
    if names is None or not isinstance(values, tuple):
        return _plain("", values)
    told = {name: _plain(name, value) for name, value in zip(names, values, strict=False)}
    return told | {f"+{number}": _plain("", one) for number, one in enumerate(values[len(names) :], 1)}


def _code(codes: Any, code: int) -> str:
    try:
        return f"{code} {codes(code).name}"
    except ValueError:
        return str(code)


def _plain(name: str, value: Any) -> Any:
    """JSON of a value; bytes as the vectors write them, but a content as what it says."""
    if name in SECRETS and value is not None:
        return HIDDEN
    if name == "resume" and isinstance(value, tuple):  # [session_id, resume_token]
        return [_plain("", value[0]), HIDDEN]
    if isinstance(value, bytes):
        if name == "content":
            try:
                return _plain("", decode_content(value))
            except MalformedFrame:
                pass
        return {"hex": value.hex()}
    if isinstance(value, Mapping):
        return {key: _plain(key, one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [_plain("", one) for one in value]
    return value
