import time

import pandas as pd
import pytest

from benchmarks.gpu import Plan, record


@pytest.mark.parametrize(("minutes", "kept"), [(1, [0, 1, 2]), (-1, [0])])
def test_rows_are_written_as_they_come_until_the_time_is_over(tmp_path, minutes, kept):
    """Being cut off must cost no row that was measured."""
    plan = Plan(tmp_path, time.monotonic() + 60 * minutes, small=True, jobs=1, camvid=tmp_path)
    seen = []

    def rows():
        for number in range(3):
            if number:
                seen.append(pd.read_csv(tmp_path / "table.csv")["number"].tolist())
            yield {"number": number}

    record(plan, "table", rows())
    assert pd.read_csv(tmp_path / "table.csv")["number"].tolist() == kept
    assert seen == [[0], [0, 1]][: len(kept) - 1]
