"""What single cells about consent mean, where one reading would message somebody who refused."""

import pytest

from a2pcli.rules.consent_words import Answer, consent_answer, refusal_answer


@pytest.mark.parametrize("cell", ["E", "e", "H", "yes/no", "jein"])
def test_a_letter_or_word_that_may_mean_either_is_unclear_in_both_kinds_of_columns(cell: str) -> None:
    assert (consent_answer(cell), refusal_answer(cell)) == (Answer.UNCLEAR, Answer.UNCLEAR)


@pytest.mark.parametrize("cell", ["email only", "nur E-Mail", "only by SMS"])
def test_only_in_a_column_of_refusals_may_be_what_is_wanted_or_what_is_not(cell: str) -> None:
    assert refusal_answer(cell) is Answer.UNCLEAR


def test_a_list_of_other_channels_refuses_those_alone() -> None:
    assert refusal_answer("email, post") is Answer.YES
    assert consent_answer("email, post") is Answer.NO
