"""The controller and the estimates, in simulated seconds: a spike, a slow database, no-shows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.rooms import admission, estimate
from orders.rooms.admission import Observed, Signal, State, Wanted
from orders.rooms.turnout import LEAST_RATE, Turnout
from tests.orders.shop_in_seconds import Shop

WELL, SLOW = Signal("reserve", 0.2, 1.5), Signal("reserve", 3.0, 1.5)
TARGET = 400


def seen(**changes: object) -> Observed:
    known = {"at": 100.0, "in_shop": 50, "expected": 0.0, "show_rate": 1.0, "waiting": 1000, "signals": [WELL]}
    return Observed(**(known | changes))


def state(**changes: object) -> State:
    return State(**({"ceiling": 100.0, "at": 99.0} | changes))


@pytest.fixture(scope="module")
def rush() -> Shop:
    """Everybody comes at once, and of those called 60 % have gone away."""
    return Shop(wanted=Wanted(target=TARGET), shows=0.4).run(1800)


@pytest.fixture(scope="module")
def slowed() -> Shop:
    """The database is ten times slower from the 900th to the 1200th second."""
    return Shop(wanted=Wanted(target=TARGET), slowness=lambda t: 10 if 900 <= t < 1200 else 1).run(1500)


def test_a_spike_never_fills_the_shop_more_than_a_tenth_above_its_target(rush: Shop) -> None:
    assert max(rush.inside) <= 1.1 * TARGET
    everybody_comes = Shop(wanted=Wanted(target=TARGET), shows=1.0, sleepers=0.0, seed=2).run(300)
    assert max(everybody_comes.inside) <= 1.1 * TARGET


def test_with_six_of_ten_gone_the_shop_is_full_all_the_same(rush: Shop) -> None:
    busy = rush.inside[60:]
    assert sum(busy) / len(busy) >= 0.9 * TARGET


def test_short_visits_leave_no_places_empty_and_none_too_full() -> None:
    hasty = Shop(wanted=Wanted(target=TARGET), shows=0.4, visit=20.0).run(400)
    assert sum(hasty.inside[60:]) / 340 >= 0.9 * TARGET
    assert max(hasty.inside) <= 1.1 * TARGET


def test_a_slow_database_halves_admissions_within_ten_seconds(slowed: Shop) -> None:
    before = sum(slowed.entered[800:900]) / 100
    after = sum(slowed.entered[910:930]) / 20
    assert before > 1
    assert after <= before / 2


def test_two_minutes_after_it_is_well_again_nine_tenths_are_back(slowed: Shop) -> None:
    assert min(slowed.inside[1100:1200]) < 0.5 * TARGET
    assert slowed.inside[1320] >= 0.9 * TARGET
    assert max(slowed.inside) <= 1.1 * TARGET


def test_four_of_five_are_called_within_what_they_were_told(rush: Shop, slowed: Shop) -> None:
    for shop in (rush, slowed):
        kept, ended = shop.kept()
        assert ended > 60
        assert kept >= 0.8 * ended


def test_the_line_goes_on_when_nearly_nobody_comes() -> None:
    ghosts = Shop(wanted=Wanted(target=50), shows=0.02, sleepers=0.0).run(400)
    assert sum(ghosts.inside[200:]) / 200 >= 0.6 * 50


@pytest.mark.parametrize("override", [0, 30, 600])
def test_what_a_person_sets_wins_over_health_silence_and_a_full_shop(override: int) -> None:
    now, called = state(), 0
    for second in range(60):
        sick = seen(at=100.0 + second, in_shop=500, signals=[SLOW], is_silent=second % 2 == 0, is_down=True)
        now, people = admission.decide(now, sick, Wanted(target=100, override=override))
        called += people
    assert called == override
    assert now.why == "hand"


def test_silence_never_raises() -> None:
    now = state(ceiling=60.0)
    for second in range(100):
        blind = seen(at=100.0 + second, in_shop=40 - second / 10, is_silent=True, signals=[])
        now, people = admission.decide(now, blind, Wanted(target=100))
        assert now.ceiling == 40.0
        assert people == int(second / 10)  # who has left is followed by another
    assert now.why == "silent"


def test_into_a_shop_that_is_down_one_is_called_now_and_then() -> None:
    now, called = state(), 0
    for second in range(61):
        gone = seen(at=100.0 + second, in_shop=0, is_silent=True, is_down=True)
        now, people = admission.decide(now, gone, Wanted(target=100))
        assert (people <= 1, now.why) == (True, "down")
        called += people
    assert called in (5, 6)


def test_a_cut_is_given_time_to_work_and_the_floor_is_kept() -> None:
    now, wanted = state(), Wanted(target=100)
    ceilings = []
    for second in range(60):
        now, _people = admission.decide(now, seen(at=100.0 + second, in_shop=80, signals=[SLOW]), wanted)
        ceilings.append(now.ceiling)
    assert ceilings[:6] == [40.0] * 5 + [20.0]
    assert min(ceilings) == 5.0
    assert now.why == "bad:reserve"


def test_the_share_of_recovery_bounds_the_shop() -> None:
    now, people = admission.decide(state(), seen(in_shop=0), Wanted(target=100, share=20))
    assert now.ceiling == 20.0
    assert people <= 20


def test_nobody_is_called_who_does_not_wait() -> None:
    _now, people = admission.decide(state(), seen(waiting=3, in_shop=0), Wanted(target=100))
    assert people == 3


def test_it_begins_by_itself_when_it_is_crowded_or_unwell_and_ends_when_it_is_calm() -> None:
    wanted = Wanted(target=100)
    assert admission.must_open(state(), seen(in_shop=89), wanted) == ""
    assert admission.must_open(state(), seen(in_shop=90), wanted) == "sessions"
    now = state()
    for second in range(4):
        now = admission.watch(now, seen(at=100.0 + second, signals=[SLOW]), wanted)
    assert admission.must_open(now, seen(at=103.0), wanted) == "bad:reserve"
    for second in range(70):
        calm = seen(at=110.0 + second, waiting=0, in_shop=10)
        now = admission.rest(admission.decide(now, calm, wanted)[0], calm, wanted)
        assert admission.may_end(now, calm) == (second >= 60)
    crowd = seen(at=181.0, waiting=1)
    now = admission.rest(now, crowd, wanted)
    assert not admission.may_end(now, crowd)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 300),
            st.floats(0, 200),
            st.floats(0.05, 1),
            st.integers(0, 2000),
            st.booleans(),
            st.booleans(),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_whatever_is_measured_no_step_calls_more_than_fits(
    steps: list[tuple[int, float, float, int, bool, bool]],
) -> None:
    now, wanted = state(), Wanted(target=100)
    for second, (in_shop, expected, rate, waiting, is_bad, silent) in enumerate(steps):
        watched = seen(
            at=100.0 + second,
            in_shop=in_shop,
            expected=expected,
            show_rate=rate,
            waiting=waiting,
            signals=[SLOW if is_bad else WELL],
            is_silent=silent,
        )
        before = now.ceiling
        now, people = admission.decide(now, watched, wanted)
        assert 5.0 <= now.ceiling <= 100.0
        assert 0 <= people <= waiting
        assert people * rate <= max(0.0, now.ceiling - in_shop - expected)
        if silent or is_bad:
            assert now.ceiling <= before


def test_a_share_is_not_too_low_for_those_whose_time_is_not_over() -> None:
    turnout = Turnout()
    for second in range(60):
        turnout.call(count=10, last=10 * (second + 1), at=float(second))
        for nth in range(5):  # half of each ten come, three seconds later
            if second >= 3:
                turnout.come(rank=10 * (second - 3) + nth + 1, at=float(second))
    rate, expected = turnout.measure(at=60.0)
    assert 0.48 <= rate <= 0.58
    assert 5 <= expected <= 25


def test_before_anything_is_known_everybody_called_is_expected() -> None:
    turnout = Turnout()
    turnout.call(count=100, last=100, at=0.0)
    assert turnout.measure(at=1.0) == (1.0, 100.0)


def test_where_nobody_comes_the_share_has_a_floor_and_nobody_is_expected_for_ever() -> None:
    turnout = Turnout()
    for second in range(120):
        turnout.call(count=100, last=100 * (second + 1), at=float(second))
    rate, expected = turnout.measure(at=800.0)
    assert rate == pytest.approx(LEAST_RATE, abs=0.01)
    assert expected == 0.0


def test_news_that_come_late_or_of_strangers_break_nothing() -> None:
    turnout = Turnout()
    turnout.call(count=50, last=50, at=0.0)
    turnout.measure(at=20.0)
    turnout.come(rank=10, at=0.5)
    turnout.come(rank=99, at=1.0)
    turnout.measure(at=700.0)
    turnout.come(rank=10, at=1.0)
    assert turnout.measure(at=701.0)[1] == 0.0


def test_nothing_is_promised_before_there_is_a_velocity() -> None:
    assert estimate.velocity([], at=0.0) is None
    assert estimate.velocity([(float(t), 5.0 * t) for t in range(50)], at=50.0) is None
    assert estimate.velocity([(float(t), 7.0) for t in range(300)], at=300.0) is None
    assert estimate.minutes(100, velocities=None) is None
    assert estimate.minutes(100, velocities=(0.0, 50.0)) is None


def test_a_steady_line_is_promised_a_range_round_the_truth() -> None:
    velocities = estimate.velocity([(float(t), 2.0 * t) for t in range(300)], at=300.0)
    assert velocities == (120.0, 120.0)
    assert estimate.minutes(1200, velocities=velocities) == (7, 13)
    assert estimate.minutes(0, velocities=velocities) == (0, 1)


@pytest.mark.parametrize(("slow", "is_told"), [(5.0, True), (3.0, True), (1.0, False), (0.1, False)])
def test_a_range_too_wide_to_help_is_not_given(slow: float, is_told: bool) -> None:
    """Ten numbers a second, then `slow` for two minutes."""
    samples = [(float(t), 10.0 * min(t, 480) + slow * max(0, t - 480)) for t in range(601)]
    assert (estimate.velocity(samples, at=600.0) is not None) == is_told


def test_a_promise_is_kept_to_half_a_minute() -> None:
    assert estimate.is_inside(6.5, promised=(7, 13))
    assert not estimate.is_inside(6.4, promised=(7, 13))
    assert not estimate.is_inside(13.6, promised=(7, 13))


def test_it_is_said_when_those_ahead_may_buy_the_rest() -> None:
    assert estimate.may_run_out(1000, stock=700, show_rate=0.4, stamps_each=2)
    assert not estimate.may_run_out(1000, stock=900, show_rate=0.4, stamps_each=2)
    assert not estimate.may_run_out(1000, stock=None, show_rate=0.4, stamps_each=2)
