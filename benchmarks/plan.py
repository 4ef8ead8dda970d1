"""A generator's plan and outcome, passed as JSON through pipes."""

from __future__ import annotations

import msgspec

#: Latencies are kept in microseconds, from 1 µs to 60 s, with three significant digits.
HISTOGRAM_BOUNDS_US = (1, 60_000_000, 3)
#: Messages of one sender that may be unanswered or undelivered: below every window of the rivals (imserver: 256 requests).
MAX_OPEN = 192


class PartyPlan(msgspec.Struct, frozen=True):
    """One end of a lane."""

    name: str
    token: str = ""


class LanePlan(msgspec.Struct, frozen=True):
    """One sender, its receivers, and where it posts."""

    number: int
    sender: PartyPlan
    receivers: list[PartyPlan]
    place: str


class Plan(msgspec.Struct, frozen=True):
    """A load. With `rate`, sends follow a schedule, independent of answers (open loop); without, each sender keeps
    `window` messages unanswered (closed loop)."""

    codec: str
    host: str
    port: int
    lanes: list[LanePlan]
    warm_up_s: float
    measure_s: float
    #: Messages a second, all lanes together; 0: closed loop.
    rate: float = 0.0
    window: int = 1
    body_bytes: int = 128
    #: A message counts as answered when all receivers have it (else when the server acknowledges it).
    until_all: bool = False
    #: Time for messages in flight after the last send.
    settle_s: float = 20.0
    #: PEM file of the server's certificate: TLS from the first byte.
    tls_ca: str = ""
    #: "c" or "python".
    loop: str = "c"
    #: Compiled hot loop.
    library: str = ""
    #: CPUs of the generator; empty: anywhere.
    cpus: list[int] = []
    #: First loopback address that connections come from, so that generators do not share addresses.
    first_address: int = 0


class Outcome(msgspec.Struct):
    """The outcome. Counts are of the whole run, warm-up included; `measured_…` and histograms of the measured part."""

    sent: int = 0
    acked: int = 0
    #: Deliveries: one for each receiver of a message.
    delivered: int = 0
    expected: int = 0
    doubled: int = 0
    out_of_order: int = 0
    measured_sent: int = 0
    measured_acked: int = 0
    measured_delivered: int = 0
    measured_s: float = 0.0
    generator_cpu_s: float = 0.0
    #: Longest that a send was behind its schedule: the generator's own stalls, the machine's, or a full window.
    late_ms: float = 0.0
    #: Scheduled, but held back by full windows until the end: the rate was not reached.
    unsent: int = 0
    #: Encoded HDR histograms, µs, from the scheduled time: to the acknowledgement, to each delivery, to the last delivery.
    ack_us: str = ""
    delivery_us: str = ""
    all_us: str = ""
    #: The hot loop that ran.
    loop: str = ""
    errors: list[str] = []

    @property
    def lost(self) -> int:
        """Messages sent and not delivered to every receiver, or never acknowledged."""
        return max(self.expected - (self.delivered - self.doubled), self.sent - self.acked, 0)

    @property
    def clean(self) -> bool:
        """True if nothing was lost, doubled, out of order, or refused."""
        return not (self.lost or self.doubled or self.out_of_order or self.errors)
