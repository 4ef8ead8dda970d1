"""The chat at a terminal: prints arriving messages above the line being typed, which stays as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style

from imserver.cli.text_width import clip

from .commands import handle_line
from .render import STYLES, Row
from .session import ChatSession


class TerminalScreen:
    """Prints above the prompt, at once and in order."""

    def __init__(self, input: Input | None = None, output: Output | None = None) -> None:
        self._style = Style.from_dict({**STYLES, "bottom-toolbar": "noreverse ansibrightblack"})
        self._session: ChatSession | None = None
        self.prompt: PromptSession[str] = PromptSession(
            message=self._prompt_text,
            bottom_toolbar=self._toolbar,
            key_bindings=_key_bindings(),
            style=self._style,
            erase_when_done=True,  # the typed line comes back as a message, with its time and tick
            input=input,
            output=output,
        )

    @property
    def width(self) -> int:
        return int(self.prompt.app.output.get_size().columns)

    async def show(self, rows: Sequence[Row]) -> None:
        # Not through run_in_terminal: it puts the terminal into its own line mode for a moment, and a key pressed just
        # then is echoed in the wrong place, or lost (Ctrl-D). This printing reads no keys.
        app = self.prompt.app
        prompting = app.is_running
        if prompting:
            app.renderer.erase()
        self._print(rows)
        if prompting:
            app.renderer.request_absolute_cursor_position()
            app.invalidate()

    def refresh(self) -> None:
        self.prompt.app.invalidate()

    async def run(self, session: ChatSession) -> None:
        """Read lines and handle them, until the user leaves."""
        self._session = session
        self.prompt.default_buffer.on_text_changed += lambda _: session.typed()
        with contextlib.suppress(EOFError), patch_stdout():
            while await handle_line(session, await self.prompt.prompt_async()):
                pass

    def _print(self, rows: Sequence[Row]) -> None:
        fragments: StyleAndTextTuples = [
            fragment for row in rows for fragment in ([(style, text) for style, text in row] + [("", "\n")])
        ]
        output = self.prompt.app.output
        print_formatted_text(output, FormattedText(fragments), self._style)
        output.flush()

    def _prompt_text(self) -> StyleAndTextTuples:
        place = self._session.current if self._session is not None else None
        return [("class:you", f"{clip(place.title, 20)}> " if place is not None else "> ")]

    def _toolbar(self) -> StyleAndTextTuples:
        status = self._session.status() if self._session is not None else ""
        return [("", clip(status, self.width - 1))]


def _key_bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("c-c")
    def _clear_or_leave(event: KeyPressEvent) -> None:
        """As in a shell: Ctrl-C drops the line; on an empty line it leaves."""
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=EOFError)

    return bindings
