"""The demonstration as a user starts it: it ends well, it notices each planted fault, and it leaves nothing behind."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from imserver.cli.demo import customer
from imserver.cli.text_width import width
from imserver.proof.server_process import alive
from tests.proof.demos import PATIENCE_S, demo, play, until

pytestmark = pytest.mark.timeout(PATIENCE_S + 10)


def box(output: str) -> dict[str, str]:
    """The facts of the box at the end."""
    rows = re.findall(r"^│ (\w[\w -]*?)  +(\S.*?) *│$", output, re.MULTILINE)
    return dict(rows)


def server_pids(output: str) -> list[int]:
    """Every server process that the output names."""
    return sorted({int(pid) for pid in re.findall(r"pid (\d+)", output)})


def test_the_play_ends_well(place: Path) -> None:
    code, output = play(place, columns=90)
    assert code == 0, output
    facts = box(output)
    assert re.fullmatch(r"\d{2,} rows, compared with \d{2,} that 4 clients were shown", facts["messages"])
    assert facts["cuts"] == "1, of which 1 in mid-frame"
    assert facts["kills"] == "2 by SIGKILL, 2 with an unanswered post: 1 stored, 1 not"
    for fault in ("lost", "doubled", "out of order", "altered", "double-booked"):
        assert facts[fault] == "0"
    assert facts["appointments"] == "promised 3, present 3"
    assert "All is right" in output
    pids = server_pids(output)
    assert len(pids) == 4
    assert not [pid for pid in pids if alive(pid)]
    assert not list(place.iterdir()), "the temporary folder is removed"
    tell_tale = (
        "王小明: 预约周六下午验光 ✓", "has just been taken", "我叫王小明 …", "我叫王小明 ✓", "─ 来之前请看 ─", "共3个预约",
        "✓✓ read by 李老师", "(changed)", "共2个预约", "─ 预约提醒 ─", "明天 10:30",
    )  # fmt: skip
    assert not [text for text in tell_tale if text not in output]
    assert max(width(line) for line in output.splitlines()) <= 90


@pytest.mark.prove  # each is a whole play: 15 s of processor time
@pytest.mark.parametrize(
    ("sabotage", "line", "fact"),
    [
        ("message-row", r"^lost: message \d+ of \S+ was shown to chenjing and is not in the database", ("lost", "1")),
        (
            "appointment-row",
            r"^missing appointment: \w{4} \(预约成功\) was promised in the chat, and is not in the database",
            ("appointments", "promised 3, present 2"),
        ),
        ("no-dedup", r"^doubled: message \d+ of \S+ by xiaoming is the same post as message \d+", ("doubled", "1")),
    ],
)  # fmt: skip
def test_a_planted_fault_is_noticed(sabotage: str, line: str, fact: tuple[str, str], place: Path) -> None:
    code, output = play(place, "--sabotage", sabotage)
    assert code == 1, output
    assert re.search(line, output, re.MULTILINE), output
    assert box(output)[fact[0]] == fact[1]
    assert "NOT right" in output


@pytest.mark.parametrize("moment", ["fresh SQLite file", "SIGKILL", "SIGSTOP"])
def test_ctrl_c_leaves_nothing_behind(moment: str, place: Path) -> None:
    with demo(place) as process:
        output = until(process, moment)
        process.send_signal(signal.SIGINT)
        output += process.communicate(timeout=PATIENCE_S)[0]
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert server_pids(output)
    assert not [pid for pid in server_pids(output) if alive(pid)]
    assert not list(place.iterdir())


def test_who_reads_no_further_leaves_nothing_behind(place: Path) -> None:
    with demo(place) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=PATIENCE_S) == 1
    assert first.startswith("imserver")
    assert not list(place.iterdir())


@pytest.mark.parametrize(
    ("environment", "who"),
    [
        ({}, "alice"),
        ({"LANG": "C.UTF-8"}, "alice"),
        ({"LANG": "zh_CN.UTF-8"}, "xiaoming"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "alice"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "", "LC_MESSAGES": "zh_TW"}, "xiaoming"),
    ],
)
def test_the_chat_is_in_the_language_of_the_system(environment: dict[str, str], who: str) -> None:
    assert customer(environment).user_id == who


def test_the_chat_has_a_server_while_it_lasts(place: Path) -> None:
    folder = place / "not" / "there yet" / ("long" * 30)
    with demo(place, "--chat", "--as", "xiaoming", "--folder", str(folder)) as process:
        output, _ = process.communicate("预约周六下午3点验光\n", timeout=PATIENCE_S)
    assert process.returncode == 0, output
    assert "你好" not in output
    assert "怎么称呼" in output or "约走" in output or "空档" in output, output
    assert f"--config {folder / 'imserver.toml'} chat --as staff-li" in output
    assert (folder / "chat.db").exists()
    (pid,) = server_pids(output)
    assert not alive(pid)


@pytest.mark.parametrize("arguments", [("--chat",), ()])
def test_a_server_that_does_not_start_is_one_clear_line(arguments: tuple[str, ...], place: Path) -> None:
    folder = place / "folder"
    folder.mkdir()
    (folder / "chat.db").write_text("no database\n" * 100)
    code, output = play(place, *arguments, "--folder", str(folder))
    assert code == 2
    assert len(output.splitlines()) == 1
    assert re.fullmatch(r"imserver: .*chat\.db.*\n", output), output
