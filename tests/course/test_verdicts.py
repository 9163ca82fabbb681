import pytest

from course.verdicts import TOO_SMALL, UNDECIDED, join_words


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["right", "right"], "right"),
        (["right", "wrong"], "half right"),
        (["right", UNDECIDED], UNDECIDED),  # what nobody can tell may be either
        (["right", UNDECIDED, None], TOO_SMALL),
    ],
)
def test_several_comparisons_make_one_word(words, joined):
    assert join_words(words, mixed="half right") == joined
