"""Joins the page's modules into a few files whose names hold the hash of what is in them, and lists those in `parts.json`.

`main` is what a browser loads before the first tap; what is imported by `import()` lies in parts of its own; the service
worker is one file that is told all of them. A file's name never stands for two contents, so browsers may keep it for a year.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .npm import installed, node

ROOT = Path(__file__).resolve().parents[2]
#: Where the server answers for the parts.
ADDRESS = "/x/booking/pages/"
#: What the server reads: `{"inputs", "version", "parts": [NAME.HASH.EXTENSION]}`; and the files whose address never changes.
LIST, PAGE, WORKER, MANIFEST = "parts.json", "page.html", "sw.js", "manifest.json"
#: What the result depends on besides sources of pages, from the root of the repository.
INPUTS = ("clients/js/src", "clients/bundler/pages.py", "clients/bundler/package-lock.json")
#: In every browser since the end of 2021; what is newer is written older.
TARGET = "es2021,safari15"
HASH_CHARS = 8
#: Sheets of `style/` that do not belong to the first load. The document of the same name has them at once, with the modules
#: that its screens come to need: whoever opens one of them waits for no part behind another.
LATER_STYLES = ("staff",)
AHEAD = ("/screens.js", "line/client.js")


class SourceFault(Exception):
    """The sources cannot be joined; esbuild's own words stand above."""


@dataclass(frozen=True, slots=True)
class Pages:
    """A folder with the sources of pages in `src` (and what these import, in `vendor`), and what is made of them in `built`."""

    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "src"

    @property
    def built(self) -> Path:
        return self.folder / "built"

    def current(self) -> bool:
        """Whether what lies in `built` was made of these sources."""
        try:
            made = json.loads((self.built / LIST).read_text("utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(made, dict) and made.get("inputs") == self._inputs()

    def build(self) -> bool:
        """Make `built` if it is not current; whether it was made. Raises `ToolMissing`, `SourceFault`.

        The new folder takes the place of the old one whole: a server that begins meanwhile finds all of one of them, or none.
        """
        if self.current():
            return False
        tool = [str(node()), str(installed(ROOT / "clients" / "bundler") / "esbuild" / "bin" / "esbuild")]
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".built-") as temporary:
            folder = Path(temporary) / "built"
            folder.mkdir()
            _Work(self.source, folder, tool, self._inputs()).make()
            shutil.rmtree(self.built, ignore_errors=True)
            os.replace(folder, self.built)
        return True

    def _inputs(self) -> str:
        """One hash of all inputs, and of their names."""
        digest = hashlib.sha256()
        for path in sorted(self._input_files()):
            digest.update(os.path.relpath(path, ROOT).encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _input_files(self) -> Iterator[Path]:
        for path in (self.source, self.folder / "vendor", *(ROOT / name for name in INPUTS)):
            yield from [path] if path.is_file() else (each for each in path.rglob("*") if each.is_file())


BOOKING = Pages(ROOT / "imserver" / "plugins" / "booking" / "pages")


@dataclass(frozen=True, slots=True)
class _Work:
    """One making. Sources are read at fixed places: `main.js`, `style/index.css`, `offline/worker.js`, `page.html`,
    `manifest.json`, `icons.svg` (symbols, which become part of the document) and `assets/`."""

    source: Path
    folder: Path
    tool: list[str]
    inputs: str

    def make(self) -> None:
        outputs = self._esbuild(
            f"main={self.source / 'main.js'}", f"style={self.source / 'style' / 'index.css'}", *self._later_styles(),
            "--splitting", "--format=esm", "--entry-names=[name].[hash]", "--chunk-names=[name].[hash]",
        )  # fmt: skip
        assets = {path.name: self._hashed_copy(path) for path in sorted((self.source / "assets").glob("*"))}
        documents = {PAGE: self._page(outputs, assets)}
        documents |= {f"{name}.html": self._page(outputs, assets, name) for name in self._later}
        manifest = _filled(self.source / MANIFEST, {}, assets)
        parts = sorted([*outputs, *assets.values()])
        # A home screen's picture is the phone's business, and no part of the page.
        needed = [ADDRESS + part for part in parts if not part.endswith(".png")]
        version = _hash("\0".join([*documents.values(), manifest, *parts]).encode())
        self._esbuild(
            f"{WORKER.removesuffix('.js')}={self.source / 'offline' / 'worker.js'}",
            "--format=iife", f"--define:BUILT_VERSION={json.dumps(version)}",
            f"--define:BUILT_PARTS={json.dumps(needed)}",
        )  # fmt: skip
        made = {"inputs": self.inputs, "version": version, "parts": parts}
        texts = {**documents, MANIFEST: manifest, LIST: json.dumps(made, indent=1) + "\n"}
        for name, text in texts.items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def _esbuild(self, *arguments: str) -> dict[str, Any]:
        """Run it; what it made, by name."""
        told = self.folder.parent / "esbuild.json"
        ran = subprocess.run(
            [
                *self.tool, *arguments, "--bundle", "--minify", f"--target={TARGET}", "--charset=utf8",
                "--legal-comments=none", "--log-level=warning", f"--outdir={self.folder}", f"--metafile={told}",
            ],
            cwd=ROOT, check=False,
        )  # fmt: skip
        if ran.returncode:
            raise SourceFault("the pages cannot be made")
        return {Path(name).name: one for name, one in json.loads(told.read_text("utf-8"))["outputs"].items()}

    def _page(self, outputs: Mapping[str, Any], assets: Mapping[str, str], screens: str = "") -> str:
        """The document. What `main` imports at once is named in it, so that no part is found out behind a round trip; with
        `screens` what those screens need, too."""
        entries = {one["entryPoint"]: name for name, one in outputs.items() if "entryPoint" in one}

        def made_of(ending: str) -> list[str]:
            return [name for entry, name in entries.items() if f"/{entry}".endswith(ending)]

        [main], [sheet] = made_of("/main.js"), made_of("/style/index.css")
        first, later = list(_imported(outputs, main)), list[str]()
        for ending in AHEAD if screens else ():
            for part in made_of(f"/{screens}{ending}" if ending.startswith("/") else f"/{ending}"):
                later += [part, *_imported(outputs, part)]
        sheets = [sheet, *(one for one in made_of(f"/style/{screens}.css") if screens)]
        # In this order a browser loads them, six at a time: who this browser is, `main` asks while the others come.
        head = [
            *(f'<link rel="stylesheet" href="{ADDRESS}{one}">' for one in sheets),
            *(
                f'<meta name="{name}-style" content="{ADDRESS}{made_of(f"/style/{name}.css")[0]}">'
                for name in self._later
            ),
            f'<script type="module" src="{ADDRESS}{main}"></script>',
            *(
                f'<link rel="modulepreload" href="{ADDRESS}{one}">'
                for one in dict.fromkeys([*first, *later])
                if one != main
            ),
        ]
        icons = self.source / "icons.svg"
        inlined = re.sub(r">\s+<", "><", icons.read_text("utf-8").strip()) if icons.exists() else ""
        return _filled(self.source / PAGE, {"head": "\n".join(head), "icons": inlined}, assets)

    @property
    def _later(self) -> list[str]:
        """Sheets that a part of the page loads with itself: the document names them."""
        return [name for name in LATER_STYLES if (self.source / "style" / f"{name}.css").exists()]

    def _later_styles(self) -> list[str]:
        return [f"{name}={self.source / 'style' / f'{name}.css'}" for name in self._later]

    def _hashed_copy(self, path: Path) -> str:
        data = path.read_bytes()
        name = f"{path.stem}.{_hash(data)}{path.suffix}"
        (self.folder / name).write_bytes(data)
        return name


def _imported(outputs: Mapping[str, Any], part: str) -> Iterator[str]:
    """What a part imports at once."""
    return (Path(one["path"]).name for one in outputs[part]["imports"] if one["kind"] == "import-statement")


def _filled(template: Path, words: Mapping[str, str], assets: Mapping[str, str]) -> str:
    """The text with its words for each `{{WORD}}`; `{{asset NAME}}` is the address of a file of `assets`."""

    def word(found: re.Match[str]) -> str:
        name = found[1].strip()
        return ADDRESS + assets[name.removeprefix("asset ")] if name.startswith("asset ") else words[name]

    return re.sub(r"\{\{([^}]+)\}\}", word, template.read_text("utf-8"))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:HASH_CHARS].upper()
