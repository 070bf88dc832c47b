"""The settings of the networks that read entities."""

from __future__ import annotations

from dataclasses import dataclass

from fedqmix.conf.fields import number, value
from fedqmix.conf.schema import ModelConfig


@dataclass
class EntityAttentionSettings(ModelConfig):
    """The settings of model=entity_attention (networks/entity_attention.py)."""

    attention_heads: int = number(1, doc="heads of each attention; entity_attention: a divisor of 2 hidden")


@dataclass
class TransformerSettings(EntityAttentionSettings):
    """The settings of model=transformer (networks/transformer.py), and of a network of your own."""

    attention_blocks: int = number(1, doc="transformer blocks, one after another")
    policy_decoupling: bool = value(
        doc="the value of an action that targets an entity is computed from that entity's token (Hu et al. 2021)"
    )
