"""Rolls dice: `/roll` or `掷骰子`, remembers every roll, and says once a day who was luckiest."""

from __future__ import annotations

import random
import re
from typing import ClassVar

import click
import msgspec

from imserver.plugin_api import (
    Asker,
    Call,
    Check,
    Context,
    HttpRequest,
    HttpResponse,
    Method,
    Migration,
    Need,
    Read,
    Reader,
    Shape,
    Snapshot,
    TimerFired,
    Transaction,
)

DAY_MS = 24 * 60 * 60 * 1000

MIGRATIONS = [
    Migration(
        1,
        """
        CREATE TABLE dice_rolls (
            roll_no INTEGER PRIMARY KEY,
            conversation_id TEXT NOT NULL,
            user_id TEXT NOT NULL,
            points INTEGER NOT NULL,
            rolled_at INTEGER NOT NULL
        );
        """,
    )
]


_BEST = "SELECT COALESCE(MAX(points), 0) FROM dice_rolls WHERE user_id = ?"


class BestParams(Shape, frozen=True):
    """Whose."""

    user_id: str


class BestResult(Shape, frozen=True):
    """The best roll; 0 before the first."""

    points: int


BEST = Method("x-dice.best", BestParams, BestResult)


class DiceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[plugins.dice]`"""

    sides: int = 6
    #: The same seed, the same rolls; 0 takes a new one each time.
    seed: int = 0


def points_are_possible(sql: Snapshot) -> list[str]:
    return [
        f"roll {number} has {points} points"
        for number, points in sql("SELECT roll_no, points FROM dice_rolls WHERE points < 1")
    ]


class Dice:
    name = "dice"
    config_type = DiceConfig
    migrations = MIGRATIONS
    checks: ClassVar[dict[str, Check]] = {"points": points_are_possible}

    async def start(self, context: Context) -> None:
        self._context = context
        self._random = random.Random(context.config.seed or None)
        await context.ensure_bot("dice", "Dice")
        context.command("roll", self._roll, aliases=["掷骰子"], help="rolls a dice: /roll, /roll 20")
        context.timer("luckiest", self._luckiest)
        context.method(Read(BEST, self._best, Need.ACCOUNT, hints=True))
        context.route("GET", "/best/{user_id}", self._page)

    async def stop(self) -> None:
        """Nothing to end: the host undoes what `start` registered."""

    async def _roll(self, call: Call) -> str | None:
        wanted = re.fullmatch(r"[dD]?(\d{1,4})", call.arguments)
        sides = int(wanted[1]) if wanted else self._context.config.sides
        if sides < 2:
            return "A dice has two sides at least."
        points = self._random.randint(1, sides)

        def keep(tx: Transaction) -> None:
            first = not tx.execute(
                "SELECT 1 FROM dice_rolls WHERE conversation_id = ? LIMIT 1", [call.conversation_id]
            )
            tx.execute(
                "INSERT INTO dice_rolls (conversation_id, user_id, points, rolled_at) VALUES (?, ?, ?, ?)",
                [call.conversation_id, call.sender.user_id, points, tx.now_ms],
            )
            tx.post(
                call.conversation_id, {"type": "text", "text": f"{call.sender.display_name} rolls {points}"}
            )
            tx.changed(BEST, BestParams(call.sender.user_id))
            if first:
                tx.schedule(tx.now_ms + DAY_MS, "luckiest", {"conversation": call.conversation_id})

        await self._context.transaction(keep, event=call.event)
        return None

    def _best(self, reader: Reader, asker: Asker, params: BestParams) -> BestResult:
        [(points,)] = reader.execute(_BEST, [params.user_id])
        return BestResult(points)

    async def _page(self, request: HttpRequest) -> HttpResponse:
        [(points,)] = await self._context.read(_BEST, [request.params["user_id"]])
        return HttpResponse.json({"points": points})

    async def _luckiest(self, timer: TimerFired) -> None:
        conversation_id = str(timer.payload["conversation"])

        def tell(tx: Transaction) -> None:
            best = tx.execute(
                "SELECT user_id, points FROM dice_rolls WHERE conversation_id = ? AND rolled_at >= ?"
                " ORDER BY points DESC, roll_no LIMIT 1",
                [conversation_id, tx.now_ms - DAY_MS],
            )
            for user_id, points in best:
                user = tx.user(user_id)
                name = user.display_name if user else user_id
                tx.post(
                    conversation_id, {"type": "text", "text": f"Luckiest of the day: {name} with {points}"}
                )
            tx.schedule(timer.due_at + DAY_MS, "luckiest", {"conversation": conversation_id})

        await self._context.transaction(tell, event=timer)

    @property
    def cli(self) -> click.Command:
        """`imserver dice`: works without a running server."""

        @click.command("dice", help="Roll a dice here and now.")
        @click.argument("sides", default=6)
        def dice(sides: int) -> None:
            click.echo(random.randint(1, sides))

        return dice
