"""A shop's poster: a code for the camera of a phone that opens the shop's page, and beside it in letters whose page that is."""

from __future__ import annotations

import io
import re
from html import escape
from urllib.parse import quote, urlsplit

from imserver.plugin_api import PluginError
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule.shops import Shop

#: Where it hangs (`window`): part of the address, so that the shop sees which poster is looked at.
REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
#: Sides of the SVG and of the code on it (any unit).
WIDTH, HEIGHT, CODE = 420, 594, 300


def address(public_url: str, shop: Shop, ref: str) -> str:
    """What the code opens. Raises PluginError where it is not known how people reach the pages, or for a `ref` that is none."""
    if not public_url:
        raise PluginError(
            'nobody could open the code: say how people reach the pages, [http] public_url = "https://…"'
        )
    if ref and REF.fullmatch(ref) is None:
        raise PluginError(f"--ref {ref!r}: letters, digits, dots and hyphens, such as window")
    return f"{public_url}/s/{shop.id}" + (f"?ref={quote(ref)}" if ref else "")


def svg(shop: Shop, link: str, both: tuple[Words, Words]) -> str:
    """The poster as a picture that can be printed in any size."""
    code = _code(link)
    host = urlsplit(link).netloc
    first, second = both
    lines = [
        (48, 26, 650, shop.names.in_language(first.language)),
        (76, 18, 400, shop.names.in_language(second.language)),
        (452, 22, 650, first("poster.scan")),
        (480, 16, 400, second("poster.scan")),
        (536, 20, 650, host),
        (560, 12, 400, f"{first('poster.host')} · {second('poster.host')}"),
    ]
    texts = "\n".join(
        f'<text x="{WIDTH // 2}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="middle">{escape(text)}</text>'
        for y, size, weight, text in lines
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" fill="#111">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n'
        f'<svg x="{(WIDTH - CODE) // 2}" y="108" width="{CODE}" height="{CODE}" viewBox="0 0 {code[1]} {code[1]}">'
        f"{code[0]}</svg>\n{texts}\n</svg>\n"
    )


def page(shop: Shop, picture: str) -> str:
    """The poster as a page to print on a sheet of A4."""
    title = escape(f"{shop.names.zh} · {shop.names.en}")
    return (
        f'<!doctype html>\n<html lang="zh">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        "<style>@page { size: A4; margin: 0 } body { margin: 0 } svg { display: block; width: 210mm; height: 297mm }"
        f" svg svg {{ width: auto; height: auto }}</style>\n{picture}</html>\n"
    )


def _code(link: str) -> tuple[str, int]:
    """The code as a path, and the length of its side."""
    import segno

    made, out = segno.make(link, error="q", micro=False), io.BytesIO()
    made.save(out, kind="svg", xmldecl=False, svgns=False, border=4, omitsize=True)
    inner = re.sub(r"^<svg[^>]*>|</svg>\s*$", "", out.getvalue().decode())
    return inner, int(made.symbol_size(border=4)[0])
