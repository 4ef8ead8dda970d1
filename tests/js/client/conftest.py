"""The Python client's own tests, played by the JavaScript client: `connect` in their modules is the one in `driver`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from imserver_client import ClientLimits, Environment
from tests.client.conftest import Waits
from tests.client.support.fake_server import FakeServer
from tests.js.driver import JsConnecting, Node, connect
from tests.js.stores import play_stores

#: What another client cannot play, by what it rests on.
NOT_PLAYED = {
    "a store in Python that fails, or kills the client, at a step": {
        "test_a_store_that_fails_once_costs_no_message",
        "test_a_client_that_is_killed_at_any_step_of_it_ends_up_the_same",
    },
    "one turn of the event loop that client and test share": {
        "test_who_stops_waiting_for_it_has_given_it_up_all_the_same",
        "test_a_post_that_is_settled_while_it_is_cancelled_is_still_told",
        "test_a_huge_retry_after_is_cut",
        "test_a_post_that_closes_the_connection_twice_fails_and_the_others_pass",
        "test_after_five_such_closes_the_client_stops",
        "test_values_without_messages_are_let_go_and_asked_when_their_message_comes",
        "test_calls_that_were_given_up_while_away_are_not_made_later",
        "test_so_many_at_once_for_as_long_as_they_are_held",
        "test_one_reader_at_a_time",
    },
    "parts of the Python client": {
        "TestLanes",
        "test_what_is_in_hand_when_the_history_is_replaced_is_not_done_in_the_new_one",
        "test_what_both_histories_have_is_done_in_either",
        "test_a_feature_hears_of_messages_and_asks_only_where_it_is",
        "test_one_kind_has_one_handler",
        "test_an_answer_that_came_before_any_row_is_asked_about",
        "test_a_feature_has_its_type",
        "test_a_feature_is_told_when_its_pushes_may_be_missing",
        "test_what_was_not_handed_over_before_is_handed_over_as_a_tombstone",
        "test_changes_are_saved_a_moment_later",
        "test_a_put_says_how_the_item_stands",
        "test_puts_to_all_else_say_how_it_stands_too",
        "test_an_event_waits_as_bytes",
        "test_what_waits_for_somebody_is_not_let_go",
        "test_of_who_read_how_far_nothing_is_kept_where_nothing_is_followed",
        "test_who_is_followed_again_with_all_goes_on_where_it_is",
        "test_a_broken_part_stops_the_client_instead_of_losing_something",
        "test_violations_that_lie_far_apart_are_not_added_up",
        "test_a_server_that_asks_and_never_reads_fills_nobody_s_memory",
        "test_one_that_lets_us_in_for_a_while_is_no_storm",
        "test_posts_that_are_never_answered_stay_in_the_outbox",
    },
    "Python's own words: loggers, causes of exceptions, TLS contexts, openers": {
        "test_posts_at_once_beyond_the_default_limits_are_told_of_once",
        "test_a_token_service_that_is_down_is_asked_again",
        "test_leaving_while_a_transport_is_being_opened",
        "test_tls_from_the_first_byte",
        "test_the_server_s_words_are_made_plain_before_anybody_shows_or_logs_them",
        "test_the_token_is_neither_logged_nor_told",
        "test_a_certificate_that_proves_nothing_is_told_no_token",
        "test_the_opener_is_injected",
    },
}
_LEFT_OUT = set().union(*NOT_PLAYED.values())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of these modules only what plays a client: not the tests of the Python client's parts."""
    left_out = {item for item in items if _is_left_out(item)}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Item) -> bool:
    if not item.nodeid.startswith("tests/js/client/") or not isinstance(item, pytest.Function):
        return False
    names = {item.originalname, getattr(item.cls, "__name__", "")}
    return not inspect.iscoroutinefunction(item.function) or not names.isdisjoint(_LEFT_OUT)


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    """Of a later version: with more behind all that it says."""
    async with FakeServer() as server:
        server.later = True
        yield server


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture(autouse=True)
def played(node: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In the modules that a test comes from, clients are in JavaScript. And no rejection goes unheard."""
    for name, module in list(sys.modules.items()):
        if name.startswith("tests.client.") and hasattr(module, "connect"):
            monkeypatch.setattr(module, "connect", partial(connect, node))
    play_stores(node, monkeypatch)
    yield
    node.at_once("reset")
    complaints = list(node.complaints)
    node.complaints.clear()
    assert complaints == []


@pytest.fixture
def open_client(server: FakeServer, waits: Waits, node: Node) -> partial[JsConnecting]:
    defaults: dict[str, Any] = {
        "timeout": 10.0,
        "environment": Environment(uniform=waits),
        "limits": ClientLimits(report_every_s=0.01),
    }
    return partial(connect, node, server.url, **defaults)


@pytest.fixture
def calm() -> None:
    """What goes wrong unheard is a complaint of Node."""
