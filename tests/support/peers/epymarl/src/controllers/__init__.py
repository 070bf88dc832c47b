"""Stands in for EPyMARL's package of this name: the calls our script makes, and nothing else of it."""


class Controller:
    shared = True

    def __init__(self, scheme, groups, args):
        assert "filled" in scheme
        assert args.agent == ("rnn" if self.shared else "rnn_ns")


class OneForEach(Controller):
    shared = False


REGISTRY = {"basic_mac": Controller, "non_shared_mac": OneForEach}
