"""What a client did wrong, with the section of protocol/SPEC.md that says otherwise."""

from __future__ import annotations


class Breach(Exception):
    """The client broke a rule. The scenario has failed."""

    def __init__(self, text: str, section: str) -> None:
        super().__init__(text)
        self.text = text
        self.section = section


class NotApplicable(Exception):
    """The scenario asks for something that this client does not have, as it turned out on the way."""
