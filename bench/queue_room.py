"""A room before the shop for the benchmarks of the queue: what runs in processes with Django."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SLUG = "toko"


def make_room(values: dict[str, Any]) -> None:
    """A room with a queue, its files published."""
    from orders import arranging
    from orders.models import Room

    at = datetime.now(UTC)
    room = Room.objects.create(
        **{"slug": SLUG, "name": "Toko resmi", "mode": Room.Mode.BY_HAND, "ticked_at": at} | values
    )
    arranging.begin_queue(room=room, by="bench", reason="a benchmark", at=at)
    publish()


def publish() -> None:
    """Status file and pages, as they are in the rows now."""
    from orders import room_files, room_pages
    from orders.models import Room

    at = datetime.now(UTC)
    rooms = list(Room.objects.all())
    for room in rooms:
        room_files.publish(room, draw=None, at=at)
    room_files.publish_directory(rooms, at=at)
    room_files.forget()
    room_pages.publish(at=at)


def give_tickets(count: int, file: Path) -> None:
    """So many tickets of numbers that are all called, one a line; the room's files say so."""
    from orders import queueing
    from orders.models import Room
    from orders.rooms import tickets

    room = Room.objects.get(slug=SLUG)
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    numbers = range(room.next_number, room.next_number + count)
    held = (tickets.Ticket(room=SLUG, number=number, joined_at=at) for number in numbers)
    file.write_text("".join(f"{tickets.write(one, secret=queueing._secret())}\n" for one in held))
    Room.objects.filter(pk=room.pk).update(next_number=numbers.stop, serving=numbers.stop - 1, override=0)
    publish()
