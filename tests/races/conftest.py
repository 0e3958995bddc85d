"""Races run on the same running parts as the journeys."""

from tests.journeys.conftest import parts, stock

__all__ = ["parts", "stock"]
