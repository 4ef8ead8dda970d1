"""The stores of the clients in Node, behind the names of the Python client's: a test reads them, or fills them."""

from __future__ import annotations

from typing import Any

import pytest

import imserver_client as api
from imserver_client import storage

from .driver import Node, made, place_of


def play_stores(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests ask of `MemoryStorage` and `SqliteStorage` is asked of the store in Node."""

    def saved(store: Any) -> storage.Saved:
        return _saved(node.at_once("saved", store=place_of(node, store)))

    def places(store: Any) -> dict[str, storage.SavedPosition]:
        return saved(store).positions

    def write(method: str) -> Any:
        return lambda store, *args: node.write(place_of(node, store), method, args)

    for kind in (api.MemoryStorage, api.SqliteStorage):
        monkeypatch.setattr(kind, "open", saved)
        monkeypatch.setattr(kind, "close", lambda store: None)
        monkeypatch.setattr(kind, "places", places)
        for method in ("add_post", "save_identity", "save_sync"):
            monkeypatch.setattr(kind, method, write(method))


def _saved(said: dict[str, Any]) -> storage.Saved:
    return storage.Saved(
        device_id=said["deviceId"],
        user_id=said["userId"],
        store_epoch=said["storeEpoch"],
        since=said["since"],
        synced=said["synced"],
        positions={name: made(storage.SavedPosition, one) for name, one in said["positions"].items()},
        outbox=[made(storage.SavedPost, {**one, "key": bytes.fromhex(one["key"])}) for one in said["outbox"]],
        states={name: _state(one) for name, one in said["states"].items()},
        account=made(storage.SavedCounted, said["account"]),
        features=None if said["features"] is None else frozenset(said["features"]),
        trails={name: made(storage.SavedTrail, one) for name, one in said["trails"].items()},
        own={bytes.fromhex(key): _own(one) for key, one in said["own"].items()},
        notices={name: _notice(one) for name, one in said["notices"].items()},
    )


def _state(said: dict[str, Any]) -> storage.SavedState:
    counted = {name: made(storage.SavedCounted, said.pop(name)) for name in ("about", "settings")}
    items = {int(at): one and made(storage.SavedItem, one) for at, one in said.pop("items").items()}
    state: storage.SavedState = made(storage.SavedState, said, **counted, items=items)
    return state


def _own(said: dict[str, Any]) -> storage.SavedOwn:
    return storage.SavedOwn(said["conversationId"], said["position"], said["lost"])


def _notice(said: dict[str, Any]) -> storage.Notice:
    notice: storage.Notice = made(storage.Notice, {**said, "gone": list(map(bytes.fromhex, said["gone"]))})
    return notice
