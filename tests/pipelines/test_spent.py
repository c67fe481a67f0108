"""What work costs, by account."""

import time

import pytest

from pipelines.spent import OPERATORS, RUNNER, VERDICTS, Phase, Seconds, bill, spending


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_block_inside_another_is_on_its_own_account_alone():
    with bill() as spent, spending(VERDICTS):
        with spending(OPERATORS):
            burn(0.05)
        inside = time.process_time()
    assert spent[OPERATORS].cpu >= 0.05
    assert spent[VERDICTS].cpu < time.process_time() - inside + 0.05
    assert set(spent) == {RUNNER, VERDICTS, OPERATORS}


def test_the_accounts_add_up_to_the_whole():
    start = time.perf_counter()
    with bill() as spent:
        with spending(OPERATORS):
            time.sleep(0.02)
        time.sleep(0.01)
    assert 0.03 <= sum(each.wall for each in spent.values()) <= time.perf_counter() - start


def test_an_account_is_left_when_its_block_raises():
    with bill() as spent:
        with pytest.raises(ValueError, match="chaff"), spending(OPERATORS):
            raise ValueError("chaff")
        burn(0.05)
    assert spent[RUNNER].cpu >= 0.05


def test_a_new_bill_starts_from_nothing():
    with bill(), spending(OPERATORS):
        burn(0.05)
    with bill() as spent:
        pass
    assert OPERATORS not in spent


def test_a_phase_adds_up_what_its_pieces_took():
    phase = Phase(name="segment 1")
    for _ in range(3):
        phase.add({OPERATORS: Seconds(cpu=1, wall=2)})
    assert phase.spent == {OPERATORS: Seconds(cpu=3, wall=6)}
    assert phase.pieces == 3
