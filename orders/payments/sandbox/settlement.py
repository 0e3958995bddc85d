"""The sandbox's settlement report (GET /v1/settlements?date=YYYY-MM-DD, CSV), line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast, get_args

from orders.payments.settlement import Columns, Kind, Settled, Unreadable, moment, records, rupiah

COLUMNS: Columns = {
    "gateway_reference": ("payment",),
    "reference": ("reference",),
    "kind": ("kind",),
    "gross": ("gross",),
    "fee": ("fee",),
    "at": ("happened_at",),
}


def rows(lines: Iterable[str]) -> Iterator[Settled]:
    """The lines of a report as they are read. Raises Unreadable."""
    for line, fields in records(lines, COLUMNS, required=COLUMNS):
        if fields["kind"] not in get_args(Kind):
            raise Unreadable(line, "kind", "kind")
        yield Settled(
            gateway_reference=fields["gateway_reference"],
            reference=fields["reference"],
            kind=cast(Kind, fields["kind"]),
            gross=rupiah(fields["gross"], line=line),
            fee=rupiah(fields["fee"], line=line, column="fee"),
            at=moment(fields["at"], line=line),
            line=line,
        )
