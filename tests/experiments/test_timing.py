from cs_utils.experiments.timing import stopwatch


def test_a_first_call_does_not_count():
    calls = []
    assert stopwatch(lambda: calls.append(1), repeats=2) < 1
    assert len(calls) == 3
