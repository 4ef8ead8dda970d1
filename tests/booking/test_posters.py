"""A shop's poster: what its code opens, and that people see in letters whose page that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.plugins.booking.messages.texts import Catalogue
from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.web import poster
from tests.booking.support.shop import Shop
from tests.cli.processes import imserver

CONFIG = '[http]\npublic_url = "https://shop.example"\n[plugins.booking]\nchain = "demo"\n'


def test_by_the_command(tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        ran = imserver(tmp_path, "booking", "poster", *arguments)
        return ran.returncode, ran.stdout + ran.stderr

    (tmp_path / "imserver.toml").write_text(CONFIG)
    code, said = run("garden")
    assert (code, "wrote garden.html: https://shop.example/s/garden" in said) == (0, True), said
    assert "shop.example" in (tmp_path / "garden.html").read_text("utf-8")
    code, said = run("garden", "--output", "window.svg", "--ref", "window")
    assert (code, "/s/garden?ref=window" in said) == (0, True), said
    assert (tmp_path / "window.svg").read_text("utf-8").startswith("<svg")
    for arguments, why in (
        (("garden",), "is there already"),
        (("gone",), "garden, river"),
        (("river", "--output", "river.pdf"), ".svg"),
        (("river", "--ref", "a b"), "--ref"),
    ):
        code, said = run(*arguments)
        assert (code != 0, why in said) == (True, True), said
    (tmp_path / "imserver.toml").write_text('[plugins.booking]\nchain = "demo"\n')
    code, said = run("river")
    assert (code != 0, "public_url" in said, (tmp_path / "river.html").exists()) == (True, True, False)


def test_a_shop_from_the_template_to_its_poster(tmp_path: Path) -> None:
    """What `init` writes shows what the page needs, and the poster warns of an address that customers could not find."""

    def run(*arguments: str) -> tuple[int, str, str]:
        ran = imserver(tmp_path, "booking", *arguments)
        return ran.returncode, ran.stdout, ran.stderr

    assert run("init", "shop.toml", "--zone", "Asia/Shanghai")[0] == 0
    config = tmp_path / "imserver.toml"
    text = config.read_text("utf-8")
    for line in ("[http]", "public_url = ", "guests = "):
        assert f"# {line}" in text
        text = text.replace(f"# {line}", line)
    config.write_text(text, "utf-8")
    code, said, warned = run("poster", "main")
    assert (code, "https://book.example.org/s/main" in said) == (0, True), said + warned
    assert "stores.main.address: is still the one of the template" in warned
    chain = tmp_path / "shop.toml"
    chain.write_text(chain.read_text("utf-8").replace("Please write the address here", "1 Road"), "utf-8")
    chain.write_text(chain.read_text("utf-8").replace("请填写地址", "路1号"), "utf-8")
    assert run("poster", "main", "--output", "again.html")[::2] == (0, "")


def test_the_code_opens_the_shops_page_and_the_host_stands_beside_it(tmp_path: Path) -> None:
    chain = load_chain("demo")
    shop = chain.stores[0]
    link = poster.address("https://shop.example", shop, "window")
    assert link == "https://shop.example/s/garden?ref=window"
    words = Catalogue(chain)
    picture = poster.svg(shop, link, (words.words("zh", shop), words.words("en", shop)))
    for text in ("花园店", "Garden Road", "shop.example", "扫码预约", "Scan to book"):
        assert f">{text}" in picture
    page = poster.page(shop, picture)
    assert page.startswith("<!doctype html>")
    assert picture in page
    assert "script" not in page
    assert "src=" not in page


def test_what_cannot_be_a_poster_is_said() -> None:
    shop = load_chain("demo").stores[0]
    with pytest.raises(Exception, match="public_url"):
        poster.address("", shop, "")
    for ref in ("a b", "<", "x" * 41, "../"):
        with pytest.raises(Exception, match="--ref"):
            poster.address("https://shop.example", shop, ref)


async def test_the_poster_of_a_shop_that_was_removed_opens_a_page_that_finds_none(tmp_path: Path) -> None:
    async with Shop() as shop:
        answer = await shop.kit.http("GET", "/s/gone?ref=window")
        assert answer.status in (200, 503), "the page itself, which says so"
        for path in ("day?shop=gone&day=2026-11-20", "days?shop=gone&service=exam"):
            answer = await shop.kit.http("GET", f"/x/booking/{path}")
            assert (answer.status, b"NOT_FOUND" in answer.body) == (404, True)
        chain = await shop.kit.http("GET", "/x/booking/chain")
        assert b'"gone"' not in chain.body
