"""An error that was told is raised as what it was."""

import inspect

import pytest

from fedqmix.runtime.core import errors
from fedqmix.runtime.core.errors import AttemptError, DivergenceError, FederationError, FedqmixError
from fedqmix.runtime.core.failures import ATTEMPT, FATAL, Failure, error_of, failure_of

ALL = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, FedqmixError)]


def made(kind):
    """An error of a kind, whatever it is made from."""
    parameters = inspect.signature(kind).parameters if "__init__" in vars(kind) else ["text"]
    return kind(*(f"the {name}, with ü and \n" for name in parameters))


@pytest.mark.parametrize("kind", ALL)
def test_every_error_of_ours_comes_back_as_itself(kind):
    error = made(kind)
    again = error_of(failure_of(error))
    assert type(again) is kind
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))


def test_only_a_broken_attempt_is_tried_again():
    assert {kind: failure_of(made(kind)).kind for kind in ALL} == {
        kind: ATTEMPT if kind is AttemptError else FATAL for kind in ALL
    }


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        ("NoSuchError", '["text"]'),
        ("annotations", '["text"]'),
        ("SlotError", "no JSON"),
        ("SlotError", "{}"),
        ("SlotError", "[1]"),
        ("SlotError", "[]"),
        ("DivergenceError", '["one"]'),
    ],
)
def test_what_is_not_understood_is_still_told(error, arguments):
    again = error_of(Failure(FATAL, error, "the text", arguments))
    assert type(again) is FederationError
    assert str(again) == f"{error}: the text"
    assert not isinstance(again, DivergenceError)
