"""One tick a second: measure, decide, call, write down, publish. What it remembers it can build again from the rows.

One process ticks; others stand by and publish the files of their machine from the rows. See
management/commands/ticker.py.
"""

import logging
import math
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Avg, Max, Q

from meterai import states
from meterai.conserving import stock_levels

from . import arranging, pulse, room_files, room_health, room_marks
from .models import Draw, Mark, Order, Room, ShopPass, Strip
from .room_health import Health
from .room_memory import FULL, STAMPS_EACH, Memory, remembered
from .rooms import admission, estimate, polling, strips
from .rooms.admission import Observed, Wanted

log = logging.getLogger(__name__)

MARK_EVERY, STOCK_EVERY = timedelta(seconds=3), timedelta(seconds=5)
# Nobody ticked for so long: nobody's time to come ran meanwhile.
MISSED = timedelta(seconds=15)
# Silent for so long, and nobody entered for so long: the shop is down, and calling would waste turns.
DOWN_AFTER, NOBODY_FOR = 5.0, timedelta(seconds=15)
STRIPS_AT_ONCE = 50
FEW_VISITS = 20

_WAITING = """
SELECT coalesce(sum(greatest(0,
    first + coalesce(used, CASE WHEN until + %(last_word)s < %(at)s THEN size ELSE 0 END) - 1
    - greatest(%(serving)s, first - 1))), 0)
FROM orders_strip
WHERE room_id = %(room)s AND first >= %(first)s AND first > %(serving)s - %(longest)s AND first + size - 1 > %(serving)s
"""
# Time spent by all over the number of those who have left: visits that last still are not left out.
_VISIT = """
SELECT extract(epoch FROM sum(least(coalesce(used_at, %(at)s), expires_at, %(at)s) - entered_at))
       / nullif(count(*) FILTER (WHERE used_at IS NOT NULL OR expires_at <= %(at)s), 0), count(*)
FROM orders_shoppass WHERE room_id = %(room)s AND entered_at > %(since)s AND entered_at <= %(at)s
"""
_SPOKEN_FOR = """
UPDATE orders_strip SET used = told.used FROM unnest(%(ids)s::bigint[], %(used)s::int[]) AS told (id, used)
WHERE orders_strip.id = told.id AND coalesce(orders_strip.used, -1) < told.used AND told.used <= size
"""


class Ticker:
    """All rooms of a site. `tick` is called once a second, by the one that leads."""

    def __init__(self) -> None:
        self._rooms: dict[int, Memory] = {}
        self._pulse = pulse.client()
        self._arrivals: dict[tuple[str, str], int] | None = None
        self._told: dict[int, int] = {}
        self._silent_since: datetime | None = None
        self._levels: tuple[datetime, dict[int | None, int]] | None = None

    def tick(self, *, at: datetime) -> None:
        """One step for every room. Raises DatabaseError; what was written is whole, and the next tick goes on."""
        health = room_health.measure(self._pulse, at=at)
        self._silent_since = (self._silent_since or at) if health.is_silent else None
        self._speak_for_strips(health)
        arrived = self._newly_arrived(health)
        rooms = list(Room.objects.select_related("reseller"))
        for room in rooms:
            self._memory(room, at).arrivals.append((at.timestamp(), arrived[room.slug]))
            self._tick_room(room, health, at)
        room_files.publish_directory(rooms, at=at)

    def _tick_room(self, room: Room, health: Health, at: datetime) -> None:
        memory = self._memory(room, at)
        draw = room_files.newest_draw(room) if room.state != Room.State.OPEN else None
        if room.state == Room.State.PREQUEUE and room.opens_at and room.opens_at <= at:
            arranging.begin_queue(room=room, by="ticker", reason="the time of opening", at=at)
            room.refresh_from_db()
            draw = room_files.newest_draw(room)
        wanted = Wanted(target=room.target, share=room.share, override=room.override)
        seen = self._observe(room, memory, health, draw, at)
        if room.state == Room.State.QUEUEING and self._can_call(draw, memory, at):
            memory.state, people = admission.decide(memory.state, seen, wanted)
            called = self._call(room, memory, draw, people, at)
            seen = replace(seen, waiting=max(0.0, seen.waiting - called))
        else:
            memory.state = admission.watch(memory.state, seen, wanted)
        if room.state == Room.State.QUEUEING:
            memory.state = admission.rest(memory.state, seen, wanted)
        self._write(room, memory, seen, at)
        self._switch(room, memory, seen, wanted, at)
        room_files.publish(room, draw=draw, at=at)

    def _observe(self, room: Room, memory: Memory, health: Health, draw: Draw | None, at: datetime) -> Observed:
        now = at.timestamp()
        self._look_around(room, memory, at)
        self._count_entered(room, memory)
        show_rate, expected = memory.turnout.measure(at=now, visit=memory.visit)
        inside = ShopPass.objects.filter(room=room, used_at=None, expires_at__gt=at).count()
        while memory.arrivals and now - memory.arrivals[0][0] > settings.ROOMS.visit_seconds:
            memory.arrivals.popleft()
        guests = sum(count for _moment, count in memory.arrivals)
        return Observed(
            at=now,
            in_shop=inside + guests,
            expected=expected,
            show_rate=show_rate,
            visit=memory.visit,
            lag=memory.turnout.lag,
            waiting=self._waiting(room, memory, draw, at),
            signals=health.signals(room.limits),
            is_silent=health.is_silent,
            is_down=self._is_down(room, at),
        )

    def _count_entered(self, room: Room, memory: Memory) -> None:
        new = ShopPass.objects.filter(room=room, pk__gt=memory.seen_pass).order_by("pk")
        for pk, rank, turn, entered in new.values_list("pk", "rank", "turn", "entered_at"):
            memory.seen_pass = pk
            if rank is not None and turn == 1:
                memory.turnout.come(rank=rank, at=entered.timestamp())

    def _is_down(self, room: Room, at: datetime) -> bool:
        if self._silent_since is None or (at - self._silent_since).total_seconds() < DOWN_AFTER:
            return False
        lately = Q(entered_at__gt=at - NOBODY_FOR)
        return not ShopPass.objects.filter(lately, room=room).exists()

    def _can_call(self, draw: Draw | None, memory: Memory, at: datetime) -> bool:
        """Not between the closing and the draw; nor when there is nothing to sell."""
        return memory.stock != 0 and (draw is None or draw.drawn_at is None or draw.drawn_at <= at)

    def _waiting(self, room: Room, memory: Memory, draw: Draw | None, at: datetime) -> int:
        values: dict[str, Any] = {
            "room": room.pk,
            "serving": room.serving,
            "at": at,
            "last_word": timedelta(seconds=strips.LAST_WORD),
            "first": _draw_end(draw),
            "longest": strips.LONGEST,
        }
        with connection.cursor() as cursor:
            cursor.execute(_WAITING, values)
            behind = int(cursor.fetchone()[0])
        if draw is None or draw.count is None or room.serving >= _draw_end(draw) - 1:
            return behind
        left = _draw_end(draw) - 1 - max(room.serving, draw.first - 1)
        return behind + math.ceil(left * self._density(memory, draw, at))

    def _density(self, memory: Memory, draw: Draw, at: datetime) -> float:
        """What part of the draw's numbers somebody holds."""
        if not draw.count:
            return 1.0
        if draw.pk not in memory.in_draw or not draw.drawn_at or at < draw.drawn_at + timedelta(seconds=5):
            rows = Strip.objects.filter(room_id=draw.room_id, first__gte=draw.first, first__lt=_draw_end(draw))
            memory.in_draw[draw.pk] = sum(_strip(row).given(at=at.timestamp()) for row in rows)
        return max(0.01, min(1.0, memory.in_draw[draw.pk] / draw.count))

    def _call(self, room: Room, memory: Memory, draw: Draw | None, people: int, at: datetime) -> float:
        """Move `serving` on; returns how many people that calls (of a draw: by the part of numbers that are held)."""
        if people <= 0 and room.serving >= room.next_number - 1:
            return 0
        serving, called = room.serving, 0.0
        end = _draw_end(draw) - 1
        if draw is not None and serving < end:
            density = self._density(memory, draw, at)
            numbers = min(end - serving, math.floor(people / density))
            serving, called = serving + numbers, numbers * density
        if serving >= end:
            rows = Strip.objects.filter(room=room, first__gte=max(end + 1, serving + 1 - strips.LONGEST))
            ahead = [_strip(row) for row in rows.order_by("first")[:STRIPS_AT_ONCE]]
            ahead = [strip for strip in ahead if strip.first + strip.size - 1 > serving]
            serving, more = strips.advance(
                ahead, serving=serving, people=max(0, people - math.ceil(called)), at=at.timestamp()
            )
            called += more
        if serving > room.serving:
            room.serving = serving
            memory.turnout.call(count=called, last=serving, at=at.timestamp())
            memory.called += called
        return called

    def _write(self, room: Room, memory: Memory, seen: Observed, at: datetime) -> None:
        """The row and, every few seconds or when somebody was called, a mark: in one transaction."""
        figures = self._figures(room, memory, seen, at)
        changes: dict[str, Any] = {"figures": figures, "ticked_at": at, "serving": room.serving}
        if self._stops_the_clock(room, memory, seen, at):
            changes["grace_from"] = at
        with transaction.atomic():
            # Somebody may have opened the doors meanwhile and called everybody: then our count is too low, and dropped.
            if not Room.objects.filter(pk=room.pk, state=room.state, serving__lte=room.serving).update(**changes):
                room.refresh_from_db()
                return
            if memory.marked_at is None or at - memory.marked_at >= MARK_EVERY:
                self._mark(room, memory, seen, at)
        for name, value in changes.items():
            setattr(room, name, value)
        self._by_the_minute(room, memory, at)

    def _figures(self, room: Room, memory: Memory, seen: Observed, at: datetime) -> dict[str, Any]:
        full = seen.in_shop >= FULL * memory.state.ceiling or room.override is not None
        memory.was_full = room.state == Room.State.QUEUEING and (memory.was_full or full)
        if not memory.was_full:
            memory.samples.clear()
        elif seen.waiting:
            memory.samples.append((seen.at, room.serving))
        velocity = estimate.velocity(memory.samples, at=seen.at)
        return {
            "velocity": [round(velocity[0], 1), round(velocity[1], 1)] if velocity and velocity[0] > 0 else [],
            "most": polling.most(waiting=seen.waiting, polls_per_second=settings.ROOMS.polls_per_second),
            "stock_for": _stock_for(memory, seen),
            "kept": memory.kept,
            "waiting": round(seen.waiting),
            "in_shop": round(seen.in_shop),
            "expected": round(seen.expected, 1),
            "visit": round(memory.visit),
            "show_rate": round(seen.show_rate, 3),
            "ceiling": round(memory.state.ceiling, 1),
            "why": memory.state.why,
            "called": round(memory.called),
            "stock": memory.stock,
            "signals": {signal.name: [round(signal.value, 3), signal.limit] for signal in seen.signals},
            "silent": seen.is_silent,
        }

    def _mark(self, room: Room, memory: Memory, seen: Observed, at: datetime) -> None:
        memory.marked_at = at
        velocity = room.figures.get("velocity") or [None, None]
        Mark.objects.create(
            room=room,
            at=at,
            state=room.state,
            serving=room.serving,
            called=round(memory.called),
            given=room.next_number - 1,
            waiting=round(seen.waiting),
            in_shop=round(seen.in_shop),
            ceiling=round(memory.state.ceiling),
            show_rate=seen.show_rate,
            low=velocity[0],
            high=velocity[1],
            why=memory.state.why[:40],
            signals={signal.name: round(signal.value, 3) for signal in seen.signals},
        )

    def _stops_the_clock(self, room: Room, memory: Memory, seen: Observed, at: datetime) -> bool:
        """Whether nobody's time to come runs: the shop is shut, sick or unseen, or nobody ticked."""
        was_away = room.ticked_at is None or at - room.ticked_at > MISSED
        is_sick = seen.is_silent or memory.state.bad_since is not None
        return room.state != Room.State.QUEUEING or was_away or is_sick

    def _by_the_minute(self, room: Room, memory: Memory, at: datetime) -> None:
        minute = at.replace(second=0, microsecond=0)
        if memory.counted == minute:
            return
        memory.counted = minute
        room_marks.count_outcomes(room=room, minute=minute - timedelta(minutes=1))
        memory.kept = room_marks.kept_percent(room=room, at=at)
        room_marks.thin_out(room=room, at=at)
        newest = Order.objects.filter(pk__gt=_newest_order() - 200).aggregate(each=Avg("quantity"))
        memory.stamps_each = float(newest["each"] or STAMPS_EACH)

    def _switch(self, room: Room, memory: Memory, seen: Observed, wanted: Wanted, at: datetime) -> None:
        """On and off by itself, where a person has not taken it in hand."""
        if room.mode != Room.Mode.AUTOMATIC:
            return
        try:
            if room.state == Room.State.OPEN and (why := admission.must_open(memory.state, seen, wanted)):
                arranging.begin_queue(room=room, by="ticker", reason=why, at=at)
                room.refresh_from_db()
            elif room.state == Room.State.QUEUEING and admission.may_end(memory.state, seen):
                arranging.open_doors(room=room, by="ticker", reason="no crowd", at=at)
                room.refresh_from_db()
        except (states.NoSuchArrow, states.MovedMeanwhile):
            room.refresh_from_db()  # a person was first

    def _look_around(self, room: Room, memory: Memory, at: datetime) -> None:
        """What there is to sell, and how long a visit lasts, every few seconds."""
        if self._levels is None or at - self._levels[0] >= STOCK_EVERY:
            self._levels = (at, stock_levels())
        memory.stock = self._levels[1].get(room.reseller_id, 0)
        if memory.looked_at is None or at - memory.looked_at >= STOCK_EVERY:
            memory.looked_at = at
            memory.visit = _visit(room, at)

    def _speak_for_strips(self, health: Health) -> None:
        """Write down how far strips are used, so that it is known when their worker is gone."""
        news = {strip: used for strip, used in health.strips.items() if self._told.get(strip) != used}
        if news:
            with connection.cursor() as cursor:
                cursor.execute(_SPOKEN_FOR, {"ids": list(news), "used": list(news.values())})
        self._told = dict(health.strips)

    def _newly_arrived(self, health: Health) -> Counter[str]:
        new: Counter[str] = Counter()
        # The first look only sets the mark: a process that has run for days counts from its beginning.
        known = health.arrivals if self._arrivals is None else self._arrivals
        for (process, room), count in health.arrivals.items():
            new[room] += max(0, count - known.get((process, room), 0))
        self._arrivals = known | health.arrivals
        return new

    def _memory(self, room: Room, at: datetime) -> Memory:
        if room.pk not in self._rooms:
            self._rooms[room.pk] = remembered(room, at=at)
        return self._rooms[room.pk]


def publish_again(*, at: datetime) -> None:
    """What a ticker does that does not lead: the files of its machine, from the rows, with the time of the rows."""
    rooms = list(Room.objects.select_related("reseller"))
    for room in rooms:
        room_files.publish(room, draw=room_files.newest_draw(room), at=room.ticked_at or at)
    room_files.publish_directory(rooms, at=at)


def _visit(room: Room, at: datetime) -> float:
    """Mean seconds of a visit in the last quarter of an hour; what the site is set to while there were too few."""
    with connection.cursor() as cursor:
        cursor.execute(_VISIT, {"room": room.pk, "at": at, "since": at - timedelta(minutes=15)})
        seconds, visits = cursor.fetchone()
    return max(1.0, float(seconds)) if seconds and visits >= FEW_VISITS else float(settings.ROOMS.visit_seconds)


def _strip(row: Strip) -> strips.Strip:
    return strips.Strip(first=row.first, size=row.size, used=row.used, until=row.until.timestamp())


def _draw_end(draw: Draw | None) -> int:
    """The first number behind the draw; 0 without one."""
    return draw.first + draw.count if draw is not None and draw.count is not None else 0


def _newest_order() -> int:
    return int(Order.objects.aggregate(newest=Max("pk"))["newest"] or 0)


def _stock_for(memory: Memory, seen: Observed) -> int:
    """How many numbers from the called one on will find stamps, two digits of it; -1: not known."""
    if memory.stock is None:
        return -1
    left = max(0.0, memory.stock - seen.in_shop * memory.stamps_each)
    numbers = math.floor(left / memory.stamps_each / seen.show_rate)
    step = 10 ** max(0, len(str(numbers)) - 2)
    return numbers // step * step
