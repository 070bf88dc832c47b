"""The team halves of REFIL and of its mixer alone.

    y = lambda-return over Q_total'(q_next, s')                            (algorithms.q_learning.td_targets)
    flex_qmix   loss = mean (Q_total(q_taken, s) - y)^2
    refil       loss = (1 - l) mean (Q_total(q_taken, s) - y)^2 + l mean (Q_imagined - y)^2
    Q_imagined  = w2^T elu( sum_i q_within_i W1^within_i + sum_i q_across_i W1^across_i + b1 ) + v

W1^within_i reads the entities of agent i's imagined group, W1^across_i those of the other group; b1, w2 and v read all.
l is algorithm.imagined_weight. (Iqbal et al. 2021, arXiv 2006.04222, section 4.3; flex_qmix is the paper's ablation
QMIX (Attention).)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from fedqmix.algorithms.base import TeamHalf
from fedqmix.algorithms.q_learning.td_targets import td_targets
from fedqmix.algorithms.q_learning.team import states, td_figures
from fedqmix.algorithms.refil.groups import imagined_groups, numbered_entities
from fedqmix.algorithms.refil.mixer import FlexMixer, Scene, existing
from fedqmix.algorithms.refil.settings import FlexQmixSettings, RefilSettings
from fedqmix.runtime.core.entity_tensors import OnDevices
from fedqmix.runtime.core.episodes import TeamTransitions
from fedqmix.runtime.core.spaces import entity_table
from fedqmix.runtime.core.world import TeamSpec

Tensors = Mapping[str, torch.Tensor]


class FlexQmixTeam(TeamHalf):
    """REFIL's mixer and its squared TD error."""

    settings: FlexQmixSettings
    reads_entities: ClassVar[bool] = True

    def __init__(self, spec: TeamSpec, settings: FlexQmixSettings) -> None:
        super().__init__(spec, settings)
        self.mixer = FlexMixer(spec, settings)

    def loss(
        self, target: TeamHalf, rows: Tensors, transitions: TeamTransitions
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See TeamHalf."""
        values = self.mixer(rows["q_taken"], states(transitions, transitions.rows), transitions.exists)
        error = values - self.targets(target, rows, transitions)  # [1, transitions]
        return error.square().mean(), td_figures(error)

    @torch.no_grad()
    def targets(self, target: TeamHalf, rows: Tensors, transitions: TeamTransitions) -> torch.Tensor:
        """Return y of every transition: [1, transitions]."""
        assert isinstance(target, FlexQmixTeam)
        seen, settings = transitions, self.settings
        following = target.mixer(rows["q_next"], states(seen, seen.next_rows), seen.exists)
        return td_targets(
            seen.rewards, seen.not_terminated, following, seen.timeline, settings.gamma, settings.td_lambda
        )


class RefilTeam(FlexQmixTeam):
    """The mixer, and its squared TD errors of all entities and of imagined groups."""

    figures: ClassVar[tuple[str, ...]] = ("loss", "td_error_abs", "imagined_loss")

    settings: RefilSettings

    def __init__(self, spec: TeamSpec, settings: RefilSettings) -> None:
        super().__init__(spec, settings)
        self._count = numbered_entities(spec)
        self._numbers = OnDevices(torch.tensor(entity_table(spec.state, "state").numbers_of(0)))  # of the state's rows

    def loss(
        self, target: TeamHalf, rows: Tensors, transitions: TeamTransitions
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """See TeamHalf. Figures: loss and TD errors with all entities, and the imagined groups' loss."""
        seen, share = transitions, self.settings.imagined_weight
        scene = self.mixer.scene(states(seen, seen.rows), seen.exists)
        together = self._together(scene, seen)
        whole, within, across = self.mixer.first_weights(scene, ~together, together)
        mixing, y = self.mixer.mixing(scene), self.targets(target, rows, seen)
        q, q_within, q_across = (existing(rows[name], seen.exists) for name in ("q_taken", "q_within", "q_across"))
        error = mixing.total(q, whole) - y
        imagined = mixing.total(torch.cat([q_within, q_across]), torch.cat([within, across], dim=1)) - y
        loss = (1 - share) * error.square().mean() + share * imagined.square().mean()
        return loss, {**td_figures(error), "loss": loss.detach(), "imagined_loss": imagined.detach().square().mean()}

    def _together(self, scene: Scene, transitions: TeamTransitions) -> torch.Tensor:
        """Return which of the state's rows are in each agent's group: [transitions, agents, rows] bool."""
        assert transitions.draws is not None
        order, device = transitions.timeline, scene.rows.device
        drawn = imagined_groups(transitions.draws, order.batch, self._count)[order.moment_episode[order.taken]]
        groups = torch.from_numpy(drawn).to(device)  # [transitions, entities]
        agents = groups[:, : self.spec.n_agents].unsqueeze(2)  # an agent's number is its id
        return agents == groups.index_select(1, self._numbers.on(device)).unsqueeze(1)
