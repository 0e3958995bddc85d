"""The statement of stock for an auditor: its facts, of one moment, and the same as CSV."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

from django.conf import settings

from . import proving
from .conserving import PLACES, Balance, Difference, Holder, Places, balances, book_differences, one_moment
from .models import Batch, Reseller
from .proving import Chain
from .spreadsheets import harmless

COLUMNS = (
    "as_of",
    "batch",
    "state",
    "delivery_sha256",
    "imported_at",
    "imported_by",
    "activated_at",
    "activated_by",
    "holder",
    "holder_name",
    "due",
    *PLACES,
    "difference",
    "face_value_rupiah",
    "chain_blocks",
    "chain_closed",
    "chain_unclosed",
    "chain_faults",
    "chain_head",
)


@dataclass(frozen=True)
class BatchFacts:
    """One batch: what came, by whom, where it is now, and its chain."""

    batch: Batch
    balance: Balance
    chain: Chain


@dataclass(frozen=True)
class Statement:
    """The stock at one moment. `by` is who asked for it; `names` gives each reseller's name by its code."""

    at: datetime
    by: str
    seller: str
    is_demo: bool
    batches: tuple[BatchFacts, ...]
    differences: tuple[Difference, ...]
    names: dict[str, str]

    @property
    def is_balanced(self) -> bool:
        """Every serial is in exactly one place, and with whom it belongs."""
        return all(one.balance.is_balanced for one in self.batches)

    @property
    def is_chained(self) -> bool:
        """No line of the book was changed, removed or slipped in."""
        return not any(one.chain.faults for one in self.batches)

    @property
    def is_sound(self) -> bool:
        """Both, and the sums of the book are what is there."""
        return self.is_balanced and self.is_chained and not self.differences

    @property
    def totals(self) -> Places:
        """All batches and holders together."""
        return _together(one.balance for one in self.batches)

    @property
    def holders(self) -> list[Holder]:
        """Each holder over all batches: the official shop, then resellers by code."""
        shares: dict[str | None, list[Holder]] = {None: []}
        for one in self.batches:
            for holder in one.balance.holders:
                shares.setdefault(holder.reseller, []).append(holder)
        ordered = sorted(shares.items(), key=lambda item: item[0] or "")
        return [
            Holder(reseller=reseller, due=sum(one.due for one in held), **vars(_together(held)))
            for reseller, held in ordered
        ]

    def name(self, holder: Holder) -> str:
        """A reseller's name; empty for the official shop."""
        return self.names.get(holder.reseller or "", holder.reseller or "")


def take(*, at: datetime, by: str) -> Statement:
    """The statement as of now, which the caller says is `at`. Computes the whole chain: minutes for a large book."""
    with one_moment():
        known = {batch.reference: batch for batch in Batch.objects.select_related("imported_by", "activated_by")}
        rows = balances()
        differences = book_differences(rows)
        chains = {chain.batch: chain for chain in proving.check()}
        names = dict(Reseller.objects.values_list("code", "name"))
    return Statement(
        at=at,
        by=by,
        seller=settings.SELLER_NAME,
        is_demo=settings.IS_DEMO,
        batches=tuple(BatchFacts(known[row.batch], row, chains[row.batch]) for row in rows),
        differences=tuple(differences),
        names=names,
    )


def write_csv(statement: Statement, file: TextIO) -> None:
    """A line for each batch and holder; times in ISO 8601, in UTC, money in whole rupiah."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows([_safe(cell) for cell in row] for row in _rows(statement))


def face_value(count: int) -> int:
    """Of so many stamps, in rupiah."""
    return count * int(settings.DUTY)


def _rows(statement: Statement) -> Iterator[list[Any]]:
    for one in statement.batches:
        batch, chain = one.batch, one.chain
        facts = [statement.at, batch.reference, batch.state, batch.sha256, batch.imported_at, batch.imported_by]
        facts += [batch.activated_at, batch.activated_by]
        end = [chain.blocks, chain.closed, chain.unclosed, len(chain.faults), chain.head]
        for holder in one.balance.holders:
            found = [getattr(holder, place) for place in PLACES]
            sums = [holder.due, *found, holder.difference, face_value(holder.due)]
            yield [*facts, holder.reseller or "", statement.name(holder), *sums, *end]


def _safe(cell: Any) -> str | int:
    if isinstance(cell, int):
        return cell
    if isinstance(cell, datetime):
        return cell.isoformat()
    return harmless("" if cell is None else str(cell))


def _together(rows: Iterable[Places]) -> Places:
    found = list(rows)
    return Places(**{place: sum(getattr(row, place) for row in found) for place in PLACES})
