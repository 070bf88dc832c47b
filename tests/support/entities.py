"""Settings of small networks over entities, for the world ENTITY_SPEC of the network contract."""

from __future__ import annotations

from typing import Any

from fedqmix.networks.settings import EntityAttentionSettings, TransformerSettings

SMALL: dict[str, Any] = {"code": None, "hidden": 8, "initialisation": "uniform", "attention_heads": 2}


def attention_model(**changes: Any) -> EntityAttentionSettings:
    """Return settings of model=entity_attention."""
    usual = {"name": "entity_attention", "agent_id": False, "last_action": True}
    return EntityAttentionSettings(**(SMALL | usual | changes))


def transformer_model(**changes: Any) -> TransformerSettings:
    """Return settings of model=transformer."""
    usual = {"name": "transformer", "agent_id": False, "last_action": False}
    usual |= {"attention_blocks": 2, "policy_decoupling": True}
    return TransformerSettings(**(SMALL | usual | changes))
