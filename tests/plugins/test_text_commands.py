"""How typed text finds its command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.chat.text_commands import CommandTable, fold


@pytest.fixture
def table():
    table: CommandTable[str] = CommandTable()
    table.add("book", "BOOK", aliases=["预约", "預約"])
    table.add("cancel", "CANCEL", aliases=["取消"])
    table.add("unbook", "UNBOOK", aliases=["取消预约"])
    table.add("ping", "PING", aliases=["ping"])
    return table


@pytest.mark.parametrize(
    ("text", "target", "arguments"),
    [
        ("/book", "BOOK", ""),
        ("/book tomorrow 3pm", "BOOK", "tomorrow 3pm"),
        ("  /BOOK   Tomorrow  ", "BOOK", "Tomorrow"),
        ("／book 明天", "BOOK", "明天"),
        ("／ｂｏｏｋ　１５：００", "BOOK", "１５：００"),
        ("/book明天下午3点", "BOOK", "明天下午3点"),
        ("/book\ntomorrow", "BOOK", "tomorrow"),
        ("/book, tomorrow", "BOOK", "tomorrow"),
        ("预约", "BOOK", ""),
        ("预约 明天下午3点 验光", "BOOK", "明天下午3点 验光"),
        ("预约明天", "BOOK", "明天"),
        ("预约：明天", "BOOK", "明天"),
        ("預約Tomorrow", "BOOK", "Tomorrow"),
        ("/预约 明天", "BOOK", "明天"),
        ("取消A7K2", "CANCEL", "A7K2"),
        ("取消 A7K2", "CANCEL", "A7K2"),
        ("取消预约 A7K2", "UNBOOK", "A7K2"),
        ("Ping", "PING", ""),
        ("ping 😀", "PING", "😀"),
    ],
)
def test_a_command_is_found(table, text, target, arguments):
    matched = table.match(text)
    assert matched is not None
    assert (matched.command.target, matched.arguments) == (target, arguments)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "/",
        "book",
        "/books",
        "/boo",
        "/ book",
        "//book",
        "pinging",
        "ping-pong",
        "我要预约",
        "取 消",
        "/ｂｏｏｋｓ",
        "/book2",
    ],
)
def test_what_only_looks_like_one_is_not(table, text):
    assert table.match(text) is None


@pytest.mark.parametrize("name", ["", "Book", "a b", "/book", "预约", "-x", "x" * 33])
def test_a_name_is_plain(name):
    with pytest.raises(ValueError, match="command name"):
        CommandTable[str]().add(name, "")


@pytest.mark.parametrize("alias", ["", " ", " x", "x ", "/x", "／x", "x" * 33, "x:"])
def test_an_alias_has_no_frills(alias):
    with pytest.raises(ValueError, match="alias"):
        CommandTable[str]().add("x", "", aliases=[alias])


def test_a_name_belongs_to_one_command_and_a_refused_row_leaves_nothing(table):
    for name, aliases in [("book", ()), ("new", ("预约",)), ("new", ("ＢＯＯＫ",))]:
        with pytest.raises(ValueError, match="already"):
            table.add(name, "OTHER", aliases=["neu", *aliases])
    assert table.match("/new") is None
    assert table.match("neu") is None


def test_a_cleared_table_matches_nothing(table):
    table.clear()
    assert table.match("/book") is None
    assert len(table) == 0


NAMES = st.text("abyz09_-", max_size=4).map("n{}".format)
CHINESE = st.text(st.sampled_from("预约取消改期门店地址报告人工"), min_size=1, max_size=4)


@given(
    st.lists(
        st.tuples(NAMES, CHINESE), min_size=1, max_size=12, unique_by=(lambda row: row[0], lambda row: row[1])
    ),
    st.data(),
)
def test_the_longest_of_all_rows_that_match_wins(rows, data):
    table: CommandTable[str] = CommandTable()
    for name, alias in rows:
        table.add(name, alias, aliases=[alias])
    name, alias = data.draw(st.sampled_from(rows))
    glued = data.draw(CHINESE)

    by_name = table.match(f"/{name.upper()} {glued}")
    assert by_name is not None
    assert by_name.command.name == name
    assert by_name.arguments == glued

    by_alias = table.match(alias + glued)
    assert by_alias is not None
    candidates = [known for _, known in rows if (alias + glued).startswith(known)]
    assert by_alias.command.target == max(candidates, key=len)
    assert by_alias.command.target + by_alias.arguments == alias + glued


@given(st.text(max_size=200))
def test_any_text_is_answered(text):
    table: CommandTable[str] = CommandTable()
    table.add("book", "BOOK", aliases=["预约"])
    matched = table.match(text)
    if matched is not None:
        assert matched.arguments in text
    assert len(fold(text)) == len(text)
