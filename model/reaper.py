"""Reaper: flights releases holds that nobody confirmed in time (`holds.release_expired_holds`)."""

from model.flights import can_be_reclaimed, reclaim
from model.rules import World
from model.state import Outcome, Sale


def starts(sale: Sale, world: World) -> list[Outcome]:
    """One transaction under the Flight's lock. Never a CONFIRMED hold."""
    if not world.rules.reap or not can_be_reclaimed(sale):
        return []
    return [Outcome("reaper: releases the expired hold", reclaim(sale), seats=1)]
