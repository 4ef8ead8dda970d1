"""The scenes of the demonstration, in order. Each waits for the events that it shows: nothing here is timed."""

from __future__ import annotations

from datetime import datetime, timedelta

from imserver.proof.fault_proxy import Faults
from imserver.proof.player import Player
from imserver.proof.stored_rows import read_rows

from .environment import ALICE, BEGIN, CHEN, LI, MING, STORE_BOT, ZONE
from .play import Kill, Match, Play, button, is_card, nothing

#: Bytes of the frame that pass before the line is cut: more than its length field, less than any post.
CUT_AFTER_BYTES = 9
#: Time on the server's own clock from a kill to the next start.
DOWN = timedelta(minutes=2)
#: The reminder of an appointment on Friday 10:30 is due on Thursday at the same time of day.
EVE = datetime(2026, 11, 19, 10, 27, tzinfo=ZONE)
FAST = 60.0

BOOKED_ZH, BOOKED_EN = "预约成功", "Booked"
INFO_ZH, INFO_EN = "来之前请看", "Before you come"
REMINDER = "预约提醒"
NEWS_BOOKED, NEWS_MOVED = "新预约", "改约"


async def before_the_curtain(play: Play) -> None:
    """One of two optometrists is booked already: the next customer at that time gets the last one."""
    play.scene("Before the curtain")
    server = play.environment.server
    await play.tell(
        f"A server process, pid {server.pids[-1]}, on a fresh SQLite file: {play.environment.database}"
    )
    await play.tell(
        "Four people are connected to it over TCP: three customers and an optometrist. The shop's clock says"
        f" {BEGIN:%A %d %B %Y, %H:%M}."
    )
    chen = play.player(CHEN.user_id)
    chen.post(chen.client.direct(STORE_BOT), "预约周六下午3点验光，我叫陈静，50岁，来过")
    here = await play.shop_of(chen)
    await play.answer(chen, here, 0, show=nothing)
    chen.post(here, "好")
    await play.hear(chen, is_card(BOOKED_ZH), "the confirmation", show=nothing)
    await play.tell(
        "The shop 花园店 has two optometrists and two rooms. 陈静 has just booked Saturday 15:00, so for that time"
        " one optometrist and one room are left."
    )


async def he_picks_the_last_one(play: Play) -> None:
    """He asks for an afternoon and picks 15:00, which is then held for him."""
    play.scene("王小明 asks, and picks Saturday 15:00")
    ming = play.player(MING.user_id)
    play.look(ming, "花园店")
    await play.say(ming, ming.client.direct(STORE_BOT), "预约周六下午验光")
    here = await play.shop_of(ming)
    slots = await play.answer(ming, here, 0, "the free times")
    await play.ask(ming, here, button(slots, ["15:00"]), "the question for his name")


async def she_comes_too_late(play: Play) -> None:
    """She wants the same time: no optometrist is free then, and the bot offers other times."""
    play.scene("A moment later Alice asks for Saturday 15:00")
    alice = play.player(ALICE.user_id)
    play.look(alice, "Garden Road")
    request = "/book sat 3pm eye exam, my name is Alice, adult, first visit"
    await play.say(alice, alice.client.direct(STORE_BOT), request)
    here = await play.shop_of(alice)
    others = await play.answer(alice, here, 0, "other times")
    await play.ask(alice, here, button(others, ["15:45", "16:"]), "the question if that is right")
    await play.say(alice, here, "yes")
    await play.hear(alice, is_card(BOOKED_EN), "the confirmation")
    await play.hear(alice, is_card(INFO_EN), "the info pack", show=nothing)


async def the_line_is_cut(play: Play) -> None:
    """He gives his name; the line is cut in the middle of that frame."""
    play.scene("王小明 goes on, and his line is cut in mid-frame")
    ming = play.player(MING.user_id)
    here = await play.shop_of(ming)
    play.look(ming, "花园店")
    name = "我叫王小明"
    line, since = play.environment.line, len(ming.connections)
    line.apply(Faults(cut_after_bytes_up=CUT_AFTER_BYTES))
    key = ming.post(here, name)
    await play.connection_lost(ming, since)
    await play.show_waiting(ming, name)
    await play.note(f"no connection: the line was reset after {CUT_AFTER_BYTES} bytes of the frame", bad=True)
    resumed = await play.connection_back(ming, since)
    await play.note("connected again" + (", and the session goes on where it was" if resumed else ""))
    posted = await ming.posted(key)
    await play.show_post(ming, posted, name)
    ages = await play.answer(ming, here, posted.position)
    visit = await play.ask(ming, here, button(ages, ["成人"]))
    await play.ask(ming, here, button(visit, ["第一次"]))


async def killed_after_the_commit(play: Play) -> None:
    """His yes is stored and everything is booked, but the answer never reaches him: then the server is killed."""
    play.scene("His yes is stored, the answer gets lost, the server is killed")
    ming, li = play.player(MING.user_id), play.li
    here = await play.shop_of(ming)
    play.look(ming, "花园店")
    play.environment.line.apply(Faults(swallow_down=True))
    key = ming.post(here, "好")
    await play.show_waiting(ming, "好")
    await play.tell("Nothing that the server sends reaches his phone now. On the shop's screen, though:")
    play.look(li, "花园店 员工群")
    group = play.staff_group
    await play.hear(li, _about("王小明", is_card(NEWS_BOOKED)), "the shop's news", show=nothing)
    await play.news(li, group)
    await _kill(play, ming, key)
    play.look(ming, "花园店")
    posted = await ming.posted(key)
    await play.show_post(ming, posted, "好")
    await play.hear(ming, is_card(INFO_ZH), "the info pack")


async def the_shop_answers(play: Play) -> None:
    """The day sheet, and a word between people, with a tick for read: a team says no more than that."""
    play.scene("The shop's day sheet, and a word between people")
    li, ming = play.li, play.player(MING.user_id)
    await _day_sheet(play, "今日预约 周六")
    here = await play.shop_of(ming)
    play.look(ming, "花园店")
    posted = await play.say(ming, here, "可以带女儿一起来吗？她6岁，我验光的时候有地方坐吗？")
    li.client.mark_read(here, posted.position)
    await ming.until(lambda: ming.cursor(here, LI.user_id).read >= posted.position, "the receipt of reading")
    await play.note("✓✓ read by 李老师")
    key = li.post(here, "当然可以，门口有儿童角，小周会陪她看绘本。")
    await li.posted(key)
    await play.hear(ming, lambda heard: heard.key == key, "the optometrist's answer")


async def killed_before_it_reads(play: Play) -> None:
    """He moves to Friday. His yes meets a frozen server, which is killed before it can read it."""
    play.scene("王小明 moves it to Friday; the server is killed before it reads his yes")
    ming = play.player(MING.user_id)
    here = await play.shop_of(ming)
    play.look(ming, "花园店")
    await play.ask(ming, here, "改约 周五上午10点半", "the question if that is right")
    play.environment.server.freeze(True)
    key = ming.post(here, "好")
    await play.show_waiting(ming, "好")
    await play.tell("The server process is frozen (SIGSTOP): his post lies unread in its socket.")
    await _kill(play, ming, key)
    play.look(ming, "花园店")
    posted = await ming.posted(key)
    await play.show_post(ming, posted, "好")
    await play.hear(ming, is_card(BOOKED_ZH, changed=True), "the changed card")
    await play.tell("The shop's day sheet has changed with it:")
    await _day_sheet(play, "今日预约 周五")
    await _day_sheet(play, "今日预约 周六")


async def the_reminder(play: Play) -> None:
    """The clock jumps to the next day, and the reminder comes."""
    play.scene("The next day: a reminder")
    ming = play.player(MING.user_id)
    code = await play.environment.server.stop()
    await play.tell(f"The server is told to stop (SIGTERM): it finishes its work and exits with {code}.")
    play.skip(ming)
    await play.environment.restart(EVE, FAST)
    await play.tell(
        f"Started again, pid {play.environment.server.pids[-1]}: its clock says {EVE:%A %H:%M} now, and runs {FAST:.0f}"
        " times as fast."
    )
    play.look(ming, "花园店")
    await play.hear(ming, is_card(REMINDER), "the reminder")


SCENES = (
    before_the_curtain,
    he_picks_the_last_one,
    she_comes_too_late,
    the_line_is_cut,
    killed_after_the_commit,
    the_shop_answers,
    killed_before_it_reads,
    the_reminder,
)


async def _kill(play: Play, player: Player, key: bytes) -> None:
    """SIGKILL while this post is unanswered; look whether the database has it; restart."""
    server, since = play.environment.server, len(player.connections)
    unanswered = [one for one in player.unanswered if one == key]
    pid = await server.kill()
    play.environment.line.apply(Faults())
    rows = read_rows(play.environment.database)
    kill = Kill(pid, len(unanswered), sum(rows.holds(one) for one in unanswered))
    play.kills.append(kill)
    found = "which is in the database" if kill.stored else "which is not in the database"
    await play.tell(
        f"SIGKILL: process {pid} is gone, with {kill.unanswered} unanswered post, {found}.", bad=True
    )
    play.while_down(play.environment.database)
    await play.environment.restart(play.environment.clock.wall + DOWN)
    await play.connection_back(player, since)
    await play.tell(
        f"Started again, pid {server.pids[-1]}. His phone offers the post once more, with its key."
    )


async def _day_sheet(play: Play, command: str) -> None:
    """The news since the shop last looked, and the sheet of a day."""
    group = play.staff_group
    play.look(play.li, "花园店 员工群")
    await play.news(play.li, group)
    play.skip(play.li)
    await play.ask(play.li, group, command, "the day sheet")


def _about(name: str, match: Match) -> Match:
    return lambda heard: match(heard) and name in str(heard.content.get("text"))
