"""A million people, simulated: a tenfold spike, no-shows, sleepers, robots, and a database that slows down tenfold.

The kernel that the ticker runs decides (orders/rooms: admission, turnout, estimate, polling, strips); the crowd is
bench/simulate_queue_crowd.py. With --quick a hundred thousand. Plots: bench/plots/queue_*.png,
of a quick run bench/out/queue_*.png.
"""

import time
from pathlib import Path
from statistics import mean

from bench import shape
from bench.simulate_queue_crowd import Crowd, World
from bench.simulate_queue_plots import Curve, draw

PLOTS, QUICK_PLOTS = Path(__file__).with_name("plots"), Path(__file__).with_name("out")
VISIT = 180.0
SPIKE, SPIKE_FOR = 300, 1500  # seconds
CALM, TENFOLD = 0.6, 10.0  # arrivals, as parts of what the target serves
SLOW, SLOW_FOR = 3000, 300


def measure(options: shape.Options, report: shape.Report) -> None:
    began = time.monotonic()
    people = 100_000 if options.quick else 1_000_000
    world, seconds = story(people)
    crowd = Crowd(world).run(seconds)
    tell(crowd, report)
    plot(crowd, QUICK_PLOTS if options.quick else PLOTS)
    report.notes["seconds"] = f"{seconds} simulated in {time.monotonic() - began:.0f}"


def story(people: int) -> tuple[World, int]:
    """A shop whose line of so many people lasts two hours."""
    # In the spike come ten times as many as the target serves, and they are nearly all of the people.
    serves = people * 0.95 / (TENFOLD * SPIKE_FOR)
    target = round(serves * VISIT)

    def joins(second: int) -> float:
        return serves * (TENFOLD if SPIKE <= second < SPIKE + SPIKE_FOR else CALM)

    def slowness(second: int) -> float:
        return 10.0 if SLOW <= second < SLOW + SLOW_FOR else 1.0

    return World(target=target, visit=VISIT, joins=joins, slowness=slowness), 7200


def tell(crowd: Crowd, report: shape.Report) -> None:
    """Each figure beside what is asked."""
    lines, target = crowd.lines, crowd.world.target
    figures, notes = report.figures, report.notes

    def put(name: str, value: float | None, asked: str, *, holds: bool) -> None:
        figures[name], notes[name] = value, f"{'asked' if holds else 'FAILS, asked'}: {asked}"

    over = max(lines.inside) / target - 1
    put("overshoot", over, "at most 0.1 of the target", holds=over <= 0.1)
    notes["overshoot"] += f"; {max(lines.inside):,} in a shop for {target:,}"
    before = mean(lines.called[SLOW - 100 : SLOW])
    halved = _when(lines.called, SLOW, 5, lambda rate: rate <= before / 2)
    put("seconds_to_halve", halved, "at most 10", holds=halved is not None and halved <= 10)
    notes["seconds_to_halve"] += f"; {before:.1f} called a second before"
    well = SLOW + SLOW_FOR
    back = _when(lines.entered, well, 10, lambda rate: rate >= 0.9 * mean(lines.entered[SLOW - 100 : SLOW]))
    put("seconds_to_recover", back, "at most 120", holds=back is not None and back <= 120)
    full = _when(lines.inside, well, 1, lambda inside: inside >= 0.9 * target)
    put("seconds_until_full", full, "at most 120: nine tenths of the target in the shop", holds=(full or 999) <= 120)
    queue = [now for now in range(crowd.opened_at + 60, len(lines.inside)) if lines.waiting[now]]
    calm = [now for now in queue if not SLOW <= now < well + 120]
    use = mean(lines.inside[now] for now in calm) / target
    put("slot_use", use, "at least 0.9, with 0.6 gone", holds=use >= 0.9)
    kept, due = (sum(one[part] for one in lines.kept) for part in (0, 1))
    inside = kept / due if due else None
    put("promises_kept", inside, "at least 0.8", holds=inside is not None and inside >= 0.8)
    notes["promises_kept"] += f"; {due:,} promises came due"
    put("positions_risen", crowd.rises, "0", holds=crowd.rises == 0)
    figures["people"], notes["people"] = crowd.joined, f"{crowd.people:,} called, {crowd.passed:,} came"
    figures["refused_entries"] = crowd.refused
    notes["refused_entries"] = (
        "of robots that send one ticket fifty times; that it enters once is given here, and shown by tests/races"
    )
    figures["missed_turns"], notes["missed_turns"] = crowd.missed, "phones that slept longer than the grace"


def _when(values: list[float], since: int, window: int, holds) -> float | None:  # type: ignore[no-untyped-def]
    """Seconds from `since` until the mean of a window that begins after it holds."""
    for end in range(since + window, len(values)):
        if holds(mean(values[end - window : end])):
            return float(end - since)
    return None


def plot(crowd: Crowd, folder: Path) -> None:
    lines, target = crowd.lines, [float(crowd.world.target)] * len(crowd.lines.inside)
    marks = [(crowd.opened_at, "queue begins"), (SLOW, "database slow"), (SLOW + SLOW_FOR, "well")]
    draw(folder / "queue_waiting.png", "People waiting", [Curve("waiting", lines.waiting)], marks=marks)
    admitted = [Curve("called a second", lines.called), Curve("entered a second", lines.entered)]
    draw(folder / "queue_admission.png", "Admission", admitted, marks=marks)
    shop = [Curve("in the shop", lines.inside), Curve("target", target), Curve("ceiling", lines.ceiling)]
    draw(folder / "queue_shop.png", "In the shop", shop, marks=marks)
    ends: list[Curve] = []
    for place, name in enumerate(("promised from", "promised to", "waited")):
        told = [sums[place] / sums[3] if sums[3] else 0.0 for sums in lines.outcome]
        ends.append(Curve(f"{name}, minutes", told))
    draw(folder / "queue_promises.png", "Promise and outcome, by the minute of joining (0: nothing promised)", ends)


if __name__ == "__main__":
    shape.run("simulate_queue", measure, quick=40, full=180)
