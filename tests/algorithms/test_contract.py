"""Every algorithm holds AlgorithmContract; OW- and CW-QMIX with the kinds of episodes that their weights tell apart."""

from typing import ClassVar

from fedqmix.algorithms import ALGORITHMS
from fedqmix.conf.schema import ModelConfig
from fedqmix.networks.contract import ENTITY_SPEC
from fedqmix.testing import AlgorithmContract
from support.entities import attention_model, transformer_model


class TestIql(AlgorithmContract):
    algorithm = ALGORITHMS["iql"]


class TestIqlOfIndividualRewards(AlgorithmContract):
    algorithm = ALGORITHMS["iql"]
    changes: ClassVar = {"reward": "individual"}


class TestVdn(AlgorithmContract):
    algorithm = ALGORITHMS["vdn"]
    changes: ClassVar = {"double_q": False, "td_lambda": 0.0}


class TestQmix(AlgorithmContract):
    algorithm = ALGORITHMS["qmix"]


class TestOwQmix(AlgorithmContract):
    algorithm = ALGORITHMS["ow_qmix"]


class TestCwQmix(AlgorithmContract):
    algorithm = ALGORITHMS["cw_qmix"]


class TestQplex(AlgorithmContract):
    algorithm = ALGORITHMS["qplex"]


class TestQplexOfOneLayer(AlgorithmContract):
    algorithm = ALGORITHMS["qplex"]
    changes: ClassVar = {"attention_layers": 1, "double_q": False}


class TestQtran(AlgorithmContract):
    algorithm = ALGORITHMS["qtran"]


class TestQtranOfMlps(AlgorithmContract):
    algorithm = ALGORITHMS["qtran"]
    changes: ClassVar = {"double_q": False}
    model = ModelConfig(name="mlp", hidden=8, initialisation="orthogonal", agent_id=False, last_action=True)


class TestFlexQmix(AlgorithmContract):
    algorithm = ALGORITHMS["flex_qmix"]
    spec = ENTITY_SPEC


class TestRefil(AlgorithmContract):
    algorithm = ALGORITHMS["refil"]
    spec = ENTITY_SPEC
    model = attention_model()


class TestRefilOfTransformers(AlgorithmContract):
    algorithm = ALGORITHMS["refil"]
    changes: ClassVar = {"double_q": False, "td_lambda": 0.0}
    spec = ENTITY_SPEC
    model = transformer_model()


class TestTransfQmix(AlgorithmContract):
    algorithm = ALGORITHMS["transf_qmix"]
    spec = ENTITY_SPEC
    model = transformer_model()


class TestTransfQmixOfGrus(AlgorithmContract):
    algorithm = ALGORITHMS["transf_qmix"]
    changes: ClassVar = {"double_q": False, "td_lambda": 0.0}
    spec = ENTITY_SPEC


class TestTransfState(AlgorithmContract):
    algorithm = ALGORITHMS["transf_state"]
    spec = ENTITY_SPEC
    model = transformer_model(policy_decoupling=False)


class TestIppo(AlgorithmContract):
    algorithm = ALGORITHMS["ippo"]


class TestIppoOfIndividualRewards(AlgorithmContract):
    algorithm = ALGORITHMS["ippo"]
    changes: ClassVar = {"reward": "individual"}


class TestMappo(AlgorithmContract):
    algorithm = ALGORITHMS["mappo"]


class TestIppoOfMlps(AlgorithmContract):
    algorithm = ALGORITHMS["ippo"]
    changes: ClassVar = {"normalise_advantages": False}
    model = ModelConfig(name="mlp", hidden=8, initialisation="orthogonal", agent_id=False, last_action=True)


class TestCwQmixOfMlps(AlgorithmContract):
    algorithm = ALGORITHMS["cw_qmix"]
    model = ModelConfig(name="mlp", hidden=8, initialisation="orthogonal", agent_id=False, last_action=True)
