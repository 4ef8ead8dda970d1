"""The hot loop in C: compiled at need, called through ctypes. Without a compiler `benchmarks.pyloop` does the work."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from benchmarks.codecs.base import Codec, End, Frame
from benchmarks.histograms import from_slots
from benchmarks.plan import MAX_OPEN, Outcome, Plan

SOURCE = Path(__file__).with_name("hotloop.c")
_SLOTS = 17_408
_I32, _I64, _U64, _F64, _BYTES = (
    ctypes.c_int32,
    ctypes.c_int64,
    ctypes.c_uint64,
    ctypes.c_double,
    ctypes.c_char_p,
)
_HISTOGRAM = ctypes.c_uint32 * _SLOTS


class CLink(ctypes.Structure):
    """`struct link_spec`."""

    _fields_ = (
        ("fd", _I32),
        ("sender", _I32),
        ("is_sender", _I32),
        ("seq_at", _I32),
        ("seq_bytes", _I32),
        ("ack_at", _I32),
        ("key_at", _I32),
        ("decimal_at", _I32),
        ("decimal2_at", _I32),
        ("spare", _I32),
        ("frame", _BYTES),
        ("frame_bytes", _I64),
        ("mark", _BYTES),
        ("mark_bytes", _I64),
        ("next", _BYTES),
        ("next_bytes", _I64),
    )


class CPlan(ctypes.Structure):
    """`struct plan`."""

    _fields_ = (
        ("protocol", _I32),
        ("links", _I32),
        ("senders", _I32),
        ("receivers", _I32),
        ("window", _I32),
        ("until_all", _I32),
        ("rate", _F64),
        ("start_ns", _I64),
        ("begin_ns", _I64),
        ("end_ns", _I64),
        ("settle_ns", _I64),
        ("key_base", _U64),
        ("max_open", _I32),
        ("spare", _I32),
    )


class CResult(ctypes.Structure):
    """`struct result`."""

    _fields_ = (
        ("sent", _U64),
        ("acked", _U64),
        ("delivered", _U64),
        ("doubled", _U64),
        ("out_of_order", _U64),
        ("measured_sent", _U64),
        ("measured_acked", _U64),
        ("measured_delivered", _U64),
        ("late_us", _U64),
        ("unsent", _U64),
        ("cpu_s", _F64),
        ("wall_s", _F64),
        ("error", ctypes.c_char * 256),
        ("ack_us", _HISTOGRAM),
        ("delivery_us", _HISTOGRAM),
        ("all_us", _HISTOGRAM),
    )


def compiled(folder: Path) -> str:
    """Path of the hot loop, compiled into `folder`; "" without a compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        return ""
    library = folder / "hotloop.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
    done = subprocess.run(command, capture_output=True, check=False)
    return str(library) if done.returncode == 0 else ""


@cache
def load(library: str) -> ctypes.CDLL:
    """The functions of the compiled loop."""
    hot = ctypes.CDLL(library)
    hot.hot_parse.restype = _I64
    hot.hot_frame.restype = None
    return hot


def spec(end: End, codec: Codec, frame: Frame | None, fd: int, sender: int) -> CLink:
    """A connection as C sees it."""
    holes = [*(frame.decimals_at if frame else ()), -1, -1]
    mark, more = (b"", b"") if end.is_sender else (codec.mark(end.lane), codec.next_read(end.lane))
    data = frame.data if frame else b""
    numbers = (frame.seq_at, frame.seq_bytes, frame.ack_at, frame.key_at) if frame else (-1, 4, -1, -1)
    return CLink(
        fd,
        sender,
        int(end.is_sender),
        *numbers,
        *holes[:2],
        0,
        data,
        len(data),
        mark,
        len(mark),
        more,
        len(more),
    )


def plan_of(plan: Plan, codec: Codec, links: int, key_base: int, start_ns: int) -> CPlan:
    """The load as C sees it; it begins at `start_ns` of the monotonic clock."""
    begin = start_ns + int(plan.warm_up_s * 1e9)
    end = begin + int(plan.measure_s * 1e9)
    return CPlan(
        codec.number,
        links,
        len(plan.lanes),
        len(plan.lanes[0].receivers),
        plan.window,
        int(plan.until_all),
        plan.rate,
        start_ns,
        begin,
        end,
        int(plan.settle_s * 1e9),
        key_base,
        MAX_OPEN,
        0,
    )


def run(
    plan: Plan, codec: Codec, ends: Sequence[tuple[End, Frame | None, int]], key_base: int, start_ns: int
) -> Outcome:
    """Drive connected sockets, given as (end, frame of a sender, descriptor); returns the outcome."""
    lanes = {lane.number: position for position, lane in enumerate(plan.lanes)}
    specs = (CLink * len(ends))(
        *(spec(end, codec, frame, fd, lanes[end.lane.number]) for end, frame, fd in ends)
    )
    result = CResult()
    c_plan = plan_of(plan, codec, len(ends), key_base, start_ns)
    if load(plan.library).hot_run(ctypes.byref(c_plan), specs, ctypes.byref(result)) != 0:
        raise MemoryError("the hot loop has no memory")
    error = bytes(result.error).decode(errors="replace")
    return Outcome(
        sent=result.sent,
        acked=result.acked,
        delivered=result.delivered,
        expected=result.sent * len(plan.lanes[0].receivers),
        doubled=result.doubled,
        out_of_order=result.out_of_order,
        measured_sent=result.measured_sent,
        measured_acked=result.measured_acked,
        measured_delivered=result.measured_delivered,
        measured_s=result.wall_s,
        generator_cpu_s=result.cpu_s,
        late_ms=result.late_us / 1000,
        unsent=result.unsent,
        ack_us=_encoded(result.ack_us),
        delivery_us=_encoded(result.delivery_us),
        all_us=_encoded(result.all_us),
        loop="C",
        errors=[error] if error else [],
    )


def _encoded(slots: Sequence[int]) -> str:
    return from_slots((slot, count) for slot, count in enumerate(slots) if count)
