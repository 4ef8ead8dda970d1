"""Cards as their authors make them: the SPEC's map, and a line for each mistake that no client would show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import imserver.plugin_api
import imserver_client
from imserver_protocol.shared.cards import Button, Card, CardRef, require_card

VECTORS = json.loads((Path(__file__).parents[2] / "protocol/vectors/contents.json").read_text("utf-8"))
CARDS = [each["decoded"] for each in VECTORS["contents"] if each.get("decoded", {}).get("type") == "card"]
YES = {"label": "Yes", "command": "/yes"}


@pytest.mark.parametrize("content", CARDS)
def test_the_cards_of_the_vectors_are_read_and_made_again(content: dict[str, Any]) -> None:
    assert Card.of(content).content() == content
    require_card(content)


def test_what_is_left_out_has_its_default() -> None:
    card = Card.of(
        {"type": "card", "title": "t", "actions": [YES], "x-mood": 1, "ref": {"kind": "k", "id": "i"}}
    )
    assert card == Card("t", "", [], [Button("Yes", "/yes")], CardRef("k", "i", 1))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"buttons": [YES]}, "card.buttons: there is no such key"),
        ({"xtra": 1}, "card.xtra: there is no such key"),
        ({"title": None}, "card.title: a string"),
        ({"text": 5}, "card.text: a string"),
        ({"fields": "When"}, "card.fields: a list"),
        ({"fields": [["When", 3]]}, "card.fields[0]: a label and a value"),
        ({"fields": ["ab"]}, "card.fields: a list"),
        ({"actions": YES}, "card.actions: a list"),
        ({"actions": ["Yes"]}, "card.actions: a list"),
        ({"actions": [YES, {**YES, "colour": "red"}]}, "card.actions[1].colour: there is no such key"),
        ({"actions": [{"label": "Yes"}]}, "card.actions[0].command: is missing"),
        ({"actions": [{**YES, "command": ""}]}, "button.command: what a tap posts"),
        ({"actions": [{**YES, "style": "red"}]}, "button.style: one of default, primary, danger, not 'red'"),
        ({"ref": {"kind": "k", "id": 3}}, "ref.id: a string"),
        ({"ref": {"kind": "k"}}, "card.ref.id: is missing"),
        ({"ref": {"kind": "k", "id": "i", "version": "1"}}, "ref.version: an integer, not '1'"),
        ({"ref": None}, "card.ref: a map"),
        ({"type": "crad"}, "card.type: `card`, not 'crad'"),
    ],
)
def test_a_mistake_is_named_with_its_place(wrong: dict[str, Any], said: str) -> None:
    for judge in (Card.of, require_card):
        with pytest.raises(ValueError) as refused:
            judge({"type": "card", "title": "t", **wrong})
        assert str(refused.value).startswith(said)


def test_a_card_without_a_title_is_none() -> None:
    for judge in (Card.of, require_card):
        with pytest.raises(ValueError, match=r"card\.title: is missing"):
            judge({"type": "card"})


def test_plugins_and_clients_have_the_same_types() -> None:
    for where in (imserver.plugin_api, imserver_client):
        assert (where.Card, where.Button, where.CardRef) == (Card, Button, CardRef)
