"""The chain in effect is the file and what was changed by talking: an import asks where both differ, an export has both."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from imserver.chat.permissions import Relation
from imserver.errors import PluginError
from imserver.plugins.booking import plugin, staffing
from imserver.plugins.booking.schedule.chain_file import parse_chain
from tests.booking.support.chain_changes import Line, run
from tests.booking.support.chains import DEMO
from tests.booking.support.leave import FRIDAY, agreed, at, free, staff, with_li
from tests.booking.support.shop import Shop
from tests.booking.support.staff import ChainFile, relation, roles

SATURDAY = "stores.garden.hours.sat"


def warned(shop: Shop) -> list[tuple[str, Any]]:
    """Warnings of a start about the chain, taken out of the log."""
    lines = shop.kit.log.lines
    found = [
        (event, fields.get("fields", fields.get("field")))
        for _, event, fields in lines
        if event.startswith("chain_")
    ]
    lines[:] = [line for line in lines if not line[1].startswith("chain_")]
    return found


async def standing(shop: Shop) -> list[tuple[Any, ...]]:
    return await shop.sql(
        "SELECT path, value, actor_id FROM booking_chain_changes WHERE ended_at IS NULL ORDER BY id"
    )


async def test_a_change_outlives_restarts_and_other_changes_of_the_file(file: ChainFile) -> None:
    async with Shop(config=file.config) as shop:
        await agreed(shop, "营业 每周六 10:00-16:00")
        file.change('mon = ["09:00-20:00"]', 'mon = ["09:00-12:00"]')
        await shop.kit.restart()
        assert warned(shop) == []
        assert "16:00" not in await free(shop, "2026-11-21", "验光")
        assert "14:00" not in await free(shop, "2026-11-23", "验光")
        assert await standing(shop) == [(SATURDAY, '["10:00-16:00"]', "staff-wang")]


async def test_where_the_file_changes_the_same_field_the_change_stands_and_the_start_says_so(
    file: ChainFile,
) -> None:
    async with Shop(config=file.config) as shop:
        await agreed(shop, "营业 每周六 10:00-16:00")
        file.change('sat = ["09:00-20:00"]', 'sat = ["08:00-12:00"]')
        await shop.kit.restart()
        assert warned(shop) == [("chain_conflicts", [SATURDAY])]
        assert "15:00" in await free(shop, "2026-11-21", "验光")
        # Nothing is settled by that: the next start says it again.
        await shop.kit.restart()
        assert warned(shop) == [("chain_conflicts", [SATURDAY])]


@pytest.mark.parametrize(("take", "open_at", "left"), [("file", "09:00", 0), ("mine", "15:00", 1)])
async def test_an_import_takes_what_is_said(file: ChainFile, take: str, open_at: str, left: int) -> None:
    async with Shop(config=file.config) as shop:
        await agreed(shop, "营业 每周六 10:00-16:00")
        file.change('sat = ["09:00-20:00"]', 'sat = ["08:00-12:00"]')
        result = await run(shop, file, "import")
        assert "--take" in str(result.exception)
        assert 'the file: ["08:00-12:00"]' in result.stdout
        assert 'in chat:  ["10:00-16:00"] (staff-wang, 2026-11-18 02:00 UTC, message ' in result.stdout
        result = await run(shop, file, "import", "--take", take)
        assert result.exception is None
        assert warned(shop) == []
        assert len(await standing(shop)) == left
        assert open_at in await free(shop, "2026-11-21", "验光")  # at once: the plugin runs
        await shop.kit.restart()
        assert warned(shop) == []
        assert open_at in await free(shop, "2026-11-21", "验光")


async def test_an_import_of_another_file_takes_its_place(file: ChainFile, tmp_path: Path) -> None:
    async with Shop(config=file.config) as shop:
        other = tmp_path / "new.toml"
        other.write_text(
            DEMO.read_text("utf-8").replace('sat = ["09:00-20:00"]', 'sat = ["10:00-16:00"]'), "utf-8"
        )
        await agreed(shop, "营业 每周六 10:00-16:00")
        file.path.chmod(0o640)
        result = await run(shop, file, "import", str(other))
        assert result.exception is None
        assert file.path.stat().st_mode & 0o777 == 0o640, "whoever could not read it cannot read the new one"
        assert file.path.read_text("utf-8") == other.read_text("utf-8")
        assert file.path.with_name("chain.toml.before").read_text("utf-8") == DEMO.read_text("utf-8")
        assert not file.path.with_name("chain.toml.new").exists()
        assert await standing(shop) == []  # the file says it itself by now
        assert "15:00" in await free(shop, "2026-11-21", "验光")


async def test_an_import_makes_and_unmakes_shops_and_staff_at_once(file: ChainFile, tmp_path: Path) -> None:
    async with Shop(config=file.config) as shop:
        group = await shop.staff_group()
        text = DEMO.read_text("utf-8").replace('user_id = "staff-wang"\n', "")
        river = text[text.index('[[stores]]\nid = "river"') :]
        other = tmp_path / "new.toml"
        other.write_text(
            text + river.replace("river", "hill").replace("河畔", "山坡").replace("staff-", "hill-"), "utf-8"
        )
        assert (await run(shop, file, "import", str(other))).exception is None
        shop.kit.log.lines[:] = [line for line in shop.kit.log.lines if line[1] != "staff_ended"]
        assert await relation(shop, "staff-wang", group) is Relation.FORMER
        assert await roles(shop, "hill-zhang") == ("staff",)
        await shop.kit.user("ming", language="zh-CN")
        assert "山坡店" in await shop.hear("ming", shop.kit.direct("ming", "booking"), "门店")


async def test_a_faulty_file_is_not_imported_and_nothing_is_changed(file: ChainFile, tmp_path: Path) -> None:
    async with Shop(config=file.config) as shop:
        other = tmp_path / "new.toml"
        text = DEMO.read_text("utf-8").replace(
            'sat = ["09:00-20:00"]', 'sat = ["09:00-12:00", "11:00-16:00"]'
        )
        other.write_text(text, "utf-8")
        result = await run(shop, file, "import", str(other))
        assert "stores.garden.hours.sat: 11:00-16:00: overlaps the span before it" in str(result.exception)
        assert file.path.read_text("utf-8") == DEMO.read_text("utf-8")


def test_an_export_that_changes_between_two_pieces_begins_again(file: ChainFile) -> None:
    line = Line(cast("Shop", None), file)
    pieces = [("old ", 4, "a"), ("text", None, "b"), ("new ", 4, "b"), ("text", None, "b")]
    line.answers["export"] = [dict(zip(("text", "next", "digest"), piece, strict=True)) for piece in pieces]
    result = CliRunner().invoke(plugin().cli, ["export"], obj=line, standalone_mode=False)
    assert result.stdout == "new text"
    assert [arguments["offset"] for _, arguments in line.asked] == [0, 4, 0, 4]


async def test_an_export_reproduces_what_is_so_in_a_new_database(file: ChainFile, tmp_path: Path) -> None:
    async with Shop(config=file.config) as shop:
        for text in (
            "营业 每周六 10:00-16:00",
            "休息 12月25日",
            "午休 李老师 12:00-13:00",
            "添加 验光师 孙老师",
            "移除 王老师",
            "请假 李老师 周五下午",
            "请假 李老师 12月3日到5日",
        ):
            await agreed(shop, text)
        result = await run(shop, file, "export")
        assert result.exception is None
        assert "#   stores.garden.hours.sat by staff-wang on 2026-11-18 02:00 UTC\n" in result.stdout
        before = [await free(shop, day, "儿童验光") for day in (FRIDAY, "12月4日", "12月25日", "2026-11-21")]
        # Imported where it comes from, it changes nothing, and is all in the file.
        file.path.write_text(result.stdout, "utf-8")
        await run(shop, file, "import")
        assert await standing(shop) == []
        again = await run(shop, file, "export")
        assert parse_chain(again.stdout) == parse_chain(result.stdout)
        assert await shop.sql(
            "SELECT COUNT(*) FROM booking_leaves WHERE withdrawn_at IS NULL AND origin = 'message'"
        ) == [(2,)]
    async with Shop(config=file.config) as shop:
        after = [await free(shop, day, "儿童验光") for day in (FRIDAY, "12月4日", "12月25日", "2026-11-21")]
        assert after == before


async def test_leave_of_the_file_can_be_withdrawn_by_talking_and_by_the_file(file: ChainFile) -> None:
    file.change('id = "garden-li"\n', f'id = "garden-li"\nleave = ["{FRIDAY} 12:00-18:00", "2026-12-03"]\n')
    async with Shop(config=file.config) as shop:
        assert "15:00" not in await free(shop, FRIDAY)
        await agreed(shop, "销假 李老师 周五")
        await shop.kit.restart()
        assert "15:00" in await free(shop, FRIDAY)
        file.change(f'"{FRIDAY} 12:00-18:00", ', "")
        file.change('"2026-12-03"', '"2026-12-04"')
        await shop.kit.restart()
        assert "15:00" in await free(shop, "12月3日")
        assert "15:00" not in await free(shop, "12月4日")
        # Back in the file, it counts: somebody wrote it anew.
        head = await shop.kit.store.read(lambda reader: reader.head_change())
        await shop.kit.restart()
        assert await shop.kit.store.read(lambda reader: reader.head_change()) == head


async def test_leave_of_the_file_that_has_begun_counts_until_it_is_over(file: ChainFile) -> None:
    file.change('id = "garden-li"\n', f'id = "garden-li"\nleave = ["2026-11-17 - {FRIDAY}"]\n')
    async with Shop(config=file.config) as shop:
        assert "15:00" not in await free(shop, FRIDAY)


async def test_a_change_that_has_no_place_any_more_is_left_out_and_said(file: ChainFile) -> None:
    async with Shop(config=file.config) as shop:
        await agreed(shop, "午休 李老师 12:00-13:00")
        text = file.path.read_text("utf-8")
        begin = text.index('[[stores.resources]]\nid = "garden-li"')
        end = text.index("[[stores.resources]]", begin + 1)
        file.path.write_text(text[:begin] + text[end:], "utf-8")
        await shop.kit.restart()
        shop.kit.log.lines[:] = [line for line in shop.kit.log.lines if line[1] != "staff_ended"]
        assert warned(shop) == [("chain_change_left_out", "stores.garden.resources.garden-li.breaks")]
        assert "王老师" in await staff(shop, "午休 王老师 12:00-13:00")


async def test_a_message_that_was_on_its_way_sees_the_shop_as_it_is(file: ChainFile) -> None:
    """A unit that was made with the chain of before is done again with the chain of now."""
    async with Shop(config=file.config) as shop:
        here = await shop.customer("ming")
        group = await shop.staff_group()
        said = await shop.say("staff-wang", group, "休息 12月25日")
        (yes,) = [
            a["command"] for one in said for a in one.content.get("actions", ()) if a["label"] == "确定"
        ]
        await shop.kit.post("staff-wang", group, yes)
        await shop.kit.post("ming", here, "预约 12月25日 15:00 验光")
        await shop.kit.idle()
        assert await shop.appointments("held") == []
        assert "休息" in "\n".join(str(one.content.get("text")) for one in shop.kit.messages(here))


async def test_the_same_is_asked_of_a_stopped_database(file: ChainFile) -> None:
    async with Shop(config=file.config) as shop:
        await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        said = await agreed(shop, "请假 李老师 周五下午")
        assert at(said, await shop.staff_group())
        running = await run(shop, file, "export")
        await shop.kit.host.stop()
        stopped = await run(shop, file, "export")
        assert stopped.stdout == running.stdout
        assert "leave" in stopped.stdout
        await shop.kit.start()


async def test_a_reload_reads_the_file_again_and_a_wrong_one_changes_nothing(
    file: ChainFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Shop(config=file.config) as shop:
        assert "18:00" in await free(shop, "2026-11-23", "验光")
        file.change('mon = ["09:00-20:00"]', 'mon = ["09:00-12:00"]')
        await shop.kit.host.reload()
        assert "18:00" not in await free(shop, "2026-11-23", "验光")
        file.change('mon = ["09:00-12:00"]', 'mon = ["9-25"]')
        [fault] = shop.kit.host.file_faults()
        assert str(fault).startswith(f"$.plugins.booking: {file.path}: stores.garden.hours.mon: 9-25: a span")
        with pytest.raises(PluginError, match="'booking' goes on with what it had: "):
            await shop.kit.host.reload()
        assert "18:00" not in await free(shop, "2026-11-23", "验光")
        # A name of a bot that is a person's stops it halfway: that is told, and the chain of before is in effect.
        file.change('mon = ["9-25"]', 'mon = ["09:00-20:00"]')
        file.change('bot = "store-garden"', 'bot = "staff-wang"')
        file.change('id = "garden-li"\n', 'id = "garden-li"\nleave = ["2026-12-03"]\n')
        with pytest.raises(PluginError, match="is not a bot"):
            await shop.kit.host.reload()
        assert "18:00" not in await free(shop, "2026-11-23", "验光")
        assert await leave_of(shop) == []
        # So is one that has the role of a bot, and that somebody logged in with: it is found while judging.
        file.change('bot = "staff-wang"', 'bot = "helper"')
        await shop.kit.user("helper", roles=["bot"])
        await shop.kit.store.write(lambda tx: tx.bind_token("helper\na", "helper", "phone", 1, 2))
        with pytest.raises(PluginError, match="who has logged in"):
            await shop.kit.plugin.reload()
        # What only shows while it is taken over is taken back, rows of the database, too.
        file.change('bot = "helper"', 'bot = "store-garden"')

        def breaks(*_: Any) -> None:
            monkeypatch.undo()
            raise PluginError("no room on the disk")

        monkeypatch.setattr(staffing, "settle", breaks)
        with pytest.raises(PluginError, match="no room"):
            await shop.kit.host.reload()
        assert await leave_of(shop) == []
        assert "18:00" not in await free(shop, "2026-11-23", "验光")


async def leave_of(shop: Shop) -> list[tuple[Any, ...]]:
    return await shop.sql("SELECT resource_id FROM booking_leaves WHERE withdrawn_at IS NULL")
