"""A termination signal is not lost when what it interrupts catches everything."""

import os
import signal

import pytest

from fedqmix.runtime.processes import interruptible, require_uninterrupted


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_was_swallowed_is_raised_again_once(number: signal.Signals) -> None:
    with interruptible():
        require_uninterrupted()
        with pytest.raises(KeyboardInterrupt):  # as a library does
            os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            require_uninterrupted()
        require_uninterrupted()


def test_a_request_ends_with_its_block() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
    require_uninterrupted()
    with interruptible():
        require_uninterrupted()
