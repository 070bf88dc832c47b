"""The world's settings outside a training run are those of a training run."""

from __future__ import annotations

import pytest

from fedqmix.envs.options import skirmish_options
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError


def test_the_defaults_are_those_of_training():
    assert skirmish_options() == compose([]).env
    assert skirmish_options(obs_last_action=True) == compose(["env.obs_last_action=true"]).env


@pytest.mark.parametrize(
    "changes", [{"obs_last_actions": True}, {"reward_win": "much"}, {"reward_win": -5}, {"randomise": "foo"}]
)
def test_bad_settings_are_refused(changes):
    with pytest.raises(ConfigurationError, match="Cannot set up the world") as refused:
        skirmish_options(**changes)
    assert next(iter(changes)) in str(refused.value)
