"""New user ids look like no other id; whoever writes an id in another form names the same account, and never a second one."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
import regex  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from imserver import Server
from imserver.chat.naming import is_name
from imserver.errors import NotAuthorized, Refusal, RefusalCode
from imserver.model import User, folded_name
from imserver.user_ids import canonical_user_id, user_id_fault
from tests.support.servers import config, running

GOOD = (
    *(
        "ann",
        "ann@example.org",
        "staff-li",
        "Ann Lee",
        "user/1",
        "%41",
        "o'brien",
        "José",
        "анна",
        "κόσμος",
        "ایران",
    ),
    *(
        "Nǚwá",
        "Ətraf",
        "Ɓello",
        "Ŋgũgĩ",
        "Kʻekuʻi"[:1] + "ekui",
        "Łukasz",
        "Þór",
        "Straße",
        "Ὅμηρος",
        "Їжак",
        "ქეთი",
    ),
    *("x\u0301", "q\u0323\u0301", "שָּׁלוֹם", "क्ष्म"),
    *("王小明", "王小明-Li", "さくらサクラ桜", "안녕ann", "ㄅㄆ王a", "नमस्ते", "สวัสดี", "42", "١٢", "a.b_c"),
)
#: What is wrong with it, in a word of the answer.
BAD = {
    "blank": ["ann ", " ann", "ann\u3000", "e\u0301va"],
    "NFKC": ["ａｎｎ", "𝐚nn", "ﬁ", "a\u00a0b", "ann²", "㎏", "ㅤ"],
    "visible": [
        "ann\u200d",
        "an\u00adn",
        "\u2060ann",
        "ann\u202e",
        "a\tb",
        "ann\ufe0f",
        "a\u115f",
        "a  b",
        "ann🏳️‍🌈",
        "a·b",
    ],
    "no language writes": ["ɑlice", "aʟice", "ᴀnn", "ԁan"],
    "script": ["аnn", "annа", "αnn", "王αβ", "さくら안녕", "ann२", "aбв王"],
    "mark": ["\u0300ann", "\u094d"],
    "stands twice": ["bob\u0301\u0301", "q\u0323\u0301\u0301", "ann\u20dd", "o\u0338l", "न\u094d\u094d"],
    "kind": ["١2", "1२"],
}


@pytest.mark.parametrize("user_id", GOOD)
def test_an_ordinary_id_is_one(user_id: str) -> None:
    assert user_id_fault(user_id) == ""


@pytest.mark.parametrize(("word", "user_id"), [(word, each) for word, some in BAD.items() for each in some])
def test_an_id_that_looks_like_another_is_none(word: str, user_id: str) -> None:
    assert word in user_id_fault(user_id)


@given(st.text(min_size=1, max_size=8))
def test_an_id_that_may_be_made_is_seen_as_it_is(user_id: str) -> None:
    """It is its own canonical form in every sense, has no character that one does not see, and no two ids that may be made
    have the same."""
    if user_id_fault(user_id):
        return
    assert user_id == canonical_user_id(user_id) == unicodedata.normalize("NFKC", user_id)
    for one in user_id:
        category = unicodedata.category(one)
        assert category[0] in "LMN" or one.isascii()
        assert category not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    names = {unicodedata.name(one, "").split(" ")[0] for one in user_id if one.isalpha()}
    assert not {"LATIN", "CYRILLIC"} <= names
    assert not {"LATIN", "GREEK"} <= names


def test_a_letter_that_python_does_not_know_yet_is_in_no_id() -> None:
    """One library's tables are newer than the other's, which composes."""
    unknown = (chr(one) for one in range(0x20000, 0x33480) if unicodedata.category(chr(one)) == "Cn")
    letter = next((one for one in unknown if regex.match(r"\p{L}", one)), None)
    if letter is None:
        pytest.skip("both know the same letters")
    assert "letters, digits" in user_id_fault(letter)


@given(st.text())
def test_the_canonical_form_is_its_own(user_id: str) -> None:
    canonical = canonical_user_id(user_id)
    assert canonical_user_id(canonical) == canonical


@pytest.mark.parametrize(
    "name",
    [
        "🏳️‍🌈 Ann",
        "Ann 👩‍👩‍👧",
        "🇨🇳 王小明",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "❤️",
        "a",
        "اَلْعَرَبِيَّةُ",
        "क्‍ष",
    ],
)
def test_any_text_that_one_can_see_is_a_name(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\u202eb", "a\u2066b", "\x1b[31m", "a\u2028b", "x" * 101])
def test_what_turns_the_line_or_shows_nothing_is_no_name(name: str) -> None:
    assert not is_name(name)


@given(st.text(max_size=12))
def test_folding_is_done_once(text: str) -> None:
    assert folded_name(folded_name(text)) == folded_name(text)
    assert folded_name(f" {text}\u200d\ufe0f") == folded_name(text)


# -- every door -----------------------------------------------------------------------------------------------------------


async def test_an_operator_names_one_account_however_he_writes_it(tmp_path: Path) -> None:
    async with running(tmp_path, "") as server:
        for written in ("José", "Jose\u0301", " José ", "Jose\u0301 "):
            await server.chat.put_user(User(written, f"by {len(written)}"))
        asked = ["José", "Jose\u0301", " José "]
        assert [user.user_id for user in await server.chat.users(asked)] == ["José"]
        with pytest.raises(Refusal) as refused:
            await server.chat.put_user(User("аnn", "Ann"))
        assert (refused.value.code, refused.value.detail) == (RefusalCode.INVALID, "user_id")
        for written in ("Jose\u0301", " José "):
            assert (await server.administration.disable(written))["changed"]
            assert (await server.administration.user(written))["state"] == "disabled"
            assert (await server.administration.enable(written))["user_id"] == "José"


async def test_an_id_of_before_stays_and_is_named_exactly(tmp_path: Path) -> None:
    async with running(tmp_path, "ann") as server:
        old = "ann "  # made when that was possible
        await server.store.write(lambda tx: tx.put_user(User(old, "Ann of old")))
        await server.chat.put_user(User(old, "Still here"))
        names = {user.user_id: user.display_name for user in await server.chat.users(["ann", old])}
        assert names == {"ann": "Ann", old: "Still here"}
        for user_id in ("ann", old):
            identity = await server.accounts.authenticate(
                server.accounts.make_token(user_id, ttl_s=60), "phone"
            )
            assert identity.user.user_id == user_id


async def test_a_name_of_before_stays_until_it_is_changed_and_a_new_one_is_a_name(tmp_path: Path) -> None:
    old = "two\nlines"
    async with running(tmp_path) as server:
        await server.store.write(lambda tx: tx.put_user(User("alice", old)))
        await server.chat.put_user(User("alice", old, "de"))
        with pytest.raises(Refusal) as told:
            await server.chat.put_user(User("alice", "three\nlines", "de"))
        assert (told.value.code, told.value.detail) == (RefusalCode.INVALID, "display_name")
        assert await server.chat.users(["alice"]) == [User("alice", old, "de")]
        await server.chat.put_user(User("alice", "Alice"))


async def test_a_token_names_one_account_however_it_writes_it(tmp_path: Path) -> None:
    async with running(tmp_path, "") as server:
        accounts = server.accounts
        first = await accounts.authenticate(accounts.make_token("Jose\u0301 ", ttl_s=60), "phone")
        assert first.user == User("José", "José")
        second = await accounts.authenticate(accounts.make_token("José", ttl_s=60), "phone")
        assert second.user == first.user
        assert {first.token_id.split("\n")[0], second.token_id.split("\n")[0]} == {"José"}
        for other in ("аnn", "ann\u200d", "ａnn"):
            with pytest.raises(NotAuthorized):
                await accounts.authenticate(accounts.make_token(other, ttl_s=60), "phone")
        await accounts.authenticate(accounts.make_token("ann", ttl_s=60), "phone")


async def test_no_token_makes_an_account_with_the_name_of_a_bot(tmp_path: Path) -> None:
    async with Server(config(tmp_path)) as server:
        await server.chat.put_user(User("shop", "Shop 1", kind="bot"))
        with pytest.raises(NotAuthorized):
            await server.accounts.authenticate(server.accounts.make_token("SHOP1", ttl_s=60), "phone")
