"""The server sees whether world and mixer are at work for another run."""

import pytest
from federation import ATTEMPT, Federation

from runtimes.deployment import services
from runtimes.deployment.services import Services


@pytest.fixture
def fed():
    federation = Federation()
    yield federation
    federation.close()


def seen_by(fed: Federation, run: str) -> Services:
    return Services(fed.channel("superlink", "world"), fed.channel("superlink", "mixer"), run, 5.0)


def test_services_nobody_has_opened_are_free(fed):
    assert seen_by(fed, "another").busy_with() is None


def test_an_attempt_of_another_run_keeps_them_busy(fed):
    fed.open()
    assert seen_by(fed, "another").busy_with() == ATTEMPT.run
    assert seen_by(fed, ATTEMPT.run).busy_with() is None


def test_a_run_whose_agents_are_silent_has_ended(fed, monkeypatch):
    fed.open()
    monkeypatch.setattr(services, "BUSY_S", 0.0)
    assert seen_by(fed, "another").busy_with() is None


def test_services_that_cannot_be_reached_are_not_busy(fed):
    fed.open()
    world, mixer = fed.channel("superlink", "world"), fed.channel("superlink", "mixer")
    fed.world_server.stop(0)
    fed.mixer_server.stop(0)
    assert Services(world, mixer, "another", 5.0).busy_with() is None
