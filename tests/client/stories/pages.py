"""Pages of history at the client: positions that retention removed, an older epoch, an earlier process, pushes meanwhile."""

from __future__ import annotations

from imserver_client import MemoryStorage
from imserver_client.storage import SavedPosition
from tests.client.support.messages import take


async def test_what_retention_removed_is_stepped_over_page_by_page(server, open_client):
    """A page may cover positions of which nothing is left; what it does not cover is not passed over with them."""
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        pages = [[[], 1, 3, 6]]

        def removed(peer, request):
            if request.method != "history" or not pages:
                return False
            server.reply(peer, request, pages.pop())
            return True

        server.script = removed
        for number in range(1, 6):
            server.say("c", "bob", str(number), pushed=False)
        server.say("c", "bob", "6")
        assert await take(alice, 3) == ["c:4:4", "c:5:5", "c:6:6"]


async def test_what_an_earlier_process_knew_of_but_had_not_read_is_read(server, open_client):
    """It was killed in the middle of catching up: sync has told it of the head, and will not tell again."""
    server.chat.conversation("c", "alice", "bob")
    for number in range(1, 4):
        server.say("c", "bob", str(number), pushed=False)
    storage = MemoryStorage()
    storage.save_identity("phone", "alice", server.chat.epoch)
    storage.save_sync(str(server.chat.changes), True, {"c": SavedPosition(have=1, handed=2, known_head=3)})
    async with open_client(token="alice", device_id="phone", store=storage) as alice:
        messages = alice.messages()
        found = [await anext(messages) for _ in range(2)]
        assert [(one.position, one.redelivered) for one in found] == [(2, True), (3, False)]


async def test_what_arrived_while_a_page_was_on_its_way_is_not_handed_over_twice(server, open_client):
    made = server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        withheld = []

        def withhold(peer, request):
            if request.method == "history":
                withheld.append((peer, request))
            return request.method == "history"

        server.script = withhold
        server.say("c", "bob", "1", pushed=False)
        server.say("c", "bob", "2")
        await server.until(lambda: len(withheld) == 1)
        for message in made.messages:
            server.push_message("c", message, None)
        assert await take(alice, 2) == ["c:1:1", "c:2:2"]
        server.script = None
        server.reply(*withheld[0], server.chat.history("alice", "c", 0, None, 10))
        await alice.history("c")  # by then the page was handled, too
        server.say("c", "bob", "3")
        assert await take(alice, 1) == ["c:3:3"]
