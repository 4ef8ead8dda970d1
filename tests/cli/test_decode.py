"""`imserver decode`: golden frames by name, the first fault where the vectors have one, and what is never shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from imserver.cli.decode import decode
from imserver.trace.decoder import CLIENT, SERVER, Decoder
from imserver.trace.faults import read_body
from imserver_protocol.errors import MalformedFrame
from imserver_protocol.limits import Limits
from imserver_protocol.wire import codec
from tests.support.case import case

VECTORS = Path(__file__).resolve().parents[2] / "protocol" / "vectors"
FRAMES: list[dict[str, Any]] = json.loads((VECTORS / "frames.json").read_text("utf-8"))["frames"]
BY_NAME = {row["name"]: row for row in FRAMES}
HELLO = bytes.fromhex(BY_NAME["spec HELLO"]["hex"])
WELCOME = bytes.fromhex(BY_NAME["spec WELCOME"]["hex"])
GOOD = [row for row in FRAMES if row["good"]]
#: Versions are judged by who speaks some.
BAD = [row for row in FRAMES if not row["good"] and row["close"] != "VERSION"]
DEFAULT = 65536


def run(*arguments: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(decode, list(arguments), input=given, standalone_mode=False)


def greeted() -> Decoder:
    decoder = Decoder(DEFAULT)
    decoder.feed(HELLO, CLIENT)
    decoder.feed(WELCOME, SERVER)
    assert decoder.fault is None
    return decoder


def test_good_frames_are_shown_whole() -> None:
    for row in GOOD:
        with case(row["name"]):
            decoder = Decoder(DEFAULT)
            frame, *_ = decoder.feed(bytes.fromhex(row["hex"]), row["by"])
            decoder.end()
            assert decoder.fault is None
            assert [frame.seq, frame.ack] == row["decoded"][1:3]
            assert len(frame.fields) == len(row["decoded"]) - 3


def test_bad_frames_have_the_fault_with_which_a_receiver_closes() -> None:
    for row in BAD:
        with case(row["name"]):
            before = row.get("before_welcome", False)
            decoder = Decoder(DEFAULT, from_start=True) if before else greeted()
            if before and row["by"] == SERVER:
                decoder.feed(HELLO, CLIENT)
            decoder.feed(bytes.fromhex(row["hex"]), row["by"])
            decoder.end()
            assert decoder.fault is not None
            assert decoder.fault.code == row["close"]
            assert decoder.fault.section


@given(
    st.binary(max_size=40)
    | st.lists(st.integers(0, 255), max_size=12).map(lambda tail: b"\x93\x02\x00\x03" + bytes(tail))
)
def test_the_slow_reader_and_the_codec_agree(body: bytes) -> None:
    _, fault = read_body(body, Limits())
    try:
        codec.decode(body)
    except MalformedFrame:
        assert fault is not None
        assert 0 <= fault.offset <= len(body)
    else:
        assert fault is None


def test_a_fault_is_told_with_its_place_and_section() -> None:
    key_twice = "00 00 00 0d 95 10 01 00 a1 78 91 82 a1 6b 01 a1 6b"
    told = run(key_twice + "02")
    assert told.return_value == 1
    assert "byte 15: MALFORMED: a map's key stands twice (SPEC section 4)" in told.output
    refused = run("0000000b 95 10 01 00 a4 73 79 6e 63 91 07")
    assert refused.return_value == 1
    assert "INVALID: sync: Expected `str | null`, got `int`" in refused.output
    assert "SPEC section 18" in refused.output


def test_both_directions_of_a_dump_are_judged_together() -> None:
    marked = (
        f"> {HELLO.hex()}  # phone\n< {WELCOME.hex()}\n> 0000000b 95100100a473796e6391c0\n< 0000000693020009"
    )
    told = run("--json", "-", given=marked.encode())
    lines = [json.loads(line) for line in told.output.splitlines()]
    assert [line.get("type") for line in lines[:2]] == ["HELLO", "WELCOME"]
    assert lines[2]["fields"] == {"method": "sync", "params": {"since": None}}
    assert told.return_value == 1


def test_an_ack_of_what_was_never_sent_is_found() -> None:
    decoder = greeted()
    assert decoder.feed(bytes.fromhex("0000000493020001"), CLIENT) == []
    assert decoder.fault is not None
    assert (decoder.fault.code, decoder.fault.section) == ("ACK_TOO_HIGH", "7")


def test_a_reply_is_read_by_what_it_answers(tmp_path: Path) -> None:
    stream = b"".join(
        bytes.fromhex(BY_NAME[f"spec {name}"]["hex"]) for name in ("REQUEST post", "REPLY to post")
    )
    (tmp_path / "session.bin").write_bytes(stream)
    told = run("--json", str(tmp_path / "session.bin"))
    asked, answered = map(json.loads, told.output.splitlines())
    assert asked["fields"]["params"]["content"] == {"type": "text", "text": "hi"}
    assert answered["answers"] == "post"
    assert answered["fields"]["result"]["duplicate"] is False


def test_tokens_are_never_shown() -> None:
    for told in (run(HELLO.hex(), WELCOME.hex()), run("--json", HELLO.hex(), WELCOME.hex())):
        assert "TOKEN" not in told.output
        assert "101112131415" not in told.output
        assert "(hidden)" in told.output


def test_the_end_within_a_frame_and_what_is_no_input_are_said() -> None:
    told = run("00000004 9302")
    assert (told.return_value, "behind 6 of 8 bytes" in told.output) == (1, True)
    assert "neither a file nor" in str(run("no-such-file").exception)
    assert "not hexadecimal" in str(run("-", given=b"zz").exception)
