"""Every mistake a new user makes is refused before anything starts, with what is allowed and the nearest name."""

import pytest

from fedqmix.networks.gru import PARAMETER_NAMES
from fedqmix.runtime.configuration.settings import compose
from fedqmix.runtime.core.errors import ConfigurationError

MAPS = ("3m", "8m", "5m_vs_6m")

MISTAKES = [
    # names
    (
        ["strategy=fedavgg"],
        "unknown strategy 'fedavgg'. Allowed: a_pps, adaps, bulyan, clusters, full_sharing, krum, median, none,",
    ),
    (["strategy=rs_psp"], "did you mean 'rs_pps'?"),
    (["strategy=null"], "Allowed: a_pps, adaps, bulyan, clusters, full_sharing"),
    (["strategy=[a_pps]"], "one of a_pps, adaps, bulyan, clusters, full_sharing"),
    (["logger=foo"], "unknown logger 'foo'. Allowed: jsonl, tensorboard, wandb."),
    (["experiment=papr"], "did you mean 'paper'?"),
    (["env=smac3"], "unknown env 'smac3'"),
    (["map=3M"], "unknown map '3M'; did you mean '3m'? Allowed: 2m_vs_1z, "),
    (["map=5m_vs_5m"], "did you mean '5m_vs_6m'?"),
    (["batchsize=3"], "did you mean 'algorithm.batch_size=3'?"),
    (["strategi=none"], "did you mean 'strategy=none'?"),
    (["Strategy=none"], "did you mean 'strategy=none'?"),
    (["algoritm.batch_size=3"], "did you mean 'algorithm.batch_size=3'?"),
    (["algorithm.lerning_rate=0.1"], "did you mean 'algorithm.learning_rate=0.1'?"),
    (["algorithm.xyz=3"], "Settings of algorithm: algorithm.code, algorithm.learning_rate, algorithm.gamma"),
    (["xyzzy=3"], "unknown setting 'xyzzy'. Groups and settings: algorithm, env"),
    (["stop={envsteps: 5}"], "did you mean 'stop.env_steps="),
    (["strategy.name=pp_pps"], "write strategy=pp_pps"),
    (
        ["strategy=rs_pps", "strategy.reward=indiv"],
        "unknown strategy.reward 'indiv'; did you mean 'individual'? Allowed: individual, team",
    ),
    (["runtime.device=gpu"], "Allowed: cpu, cuda, auto."),
    (["strategy.shared=[haed.*]"], "unknown parameter or pattern 'haed.*'"),
    (["strategy.shared=[haed.*]"], "fc.weight, fc.bias, gru.weight_ih"),
    # types
    (
        ["algorithm.batch_size=many"],
        "algorithm.batch_size=many has the wrong type; needed: a whole number, at least 1.",
    ),
    (["algorithm.batch_size=3.5"], "needed: a whole number, at least 1."),
    (["stop.env_steps=1e5"], "Write stop.env_steps=100000."),
    (["algorithm.double_q=3"], "needed: true or false"),
    (["algorithm.double_q=maybe"], "needed: true or false"),
    (["algorithm.gamma=true"], "needed: a number, at least 0 and at most 1."),
    (["seed=true"], "needed: a whole number, at least 0."),
    (["seed=null"], "seed=null has the wrong type"),
    (["map=null"], "map=null has the wrong type"),
    (["strategy.shared=head"], "needed: a list such as [head.*]"),
    (["stop.win_rate=often"], "needed: a number, at least 0 and at most 1, or null."),
    (["stop=3"], "stop holds several settings; name one of them, like stop.env_steps="),
    # ranges
    (["seed=-1"], "seed=-1 is out of range: a whole number, at least 0."),
    (["algorithm.batch_size=0"], "algorithm.batch_size=0 is out of range: a whole number, at least 1."),
    (["algorithm.buffer_size=-5"], "algorithm.buffer_size=-5 is out of range"),
    (["algorithm.parallel_episodes=0"], "algorithm.parallel_episodes=0 is out of range"),
    (["model.hidden=0"], "model.hidden=0 is out of range"),
    (["runtime.threads=0"], "runtime.threads=0 is out of range"),
    (["evaluation.episodes=-32"], "evaluation.episodes=-32 is out of range"),
    (["strategy.aggregation_interval=0"], "strategy.aggregation_interval=0 is out of range"),
    (["strategy=rs_pps", "strategy.max_weight=0"], "greater than 0 and at most 1"),
    (["strategy=rs_pps", "strategy.max_weight=1.5"], "greater than 0 and at most 1"),
    (
        ["strategy.server_momentum=1"],
        "is out of range: a number, at least 0 and less than 1.",
    ),
    (["strategy.server_adam_beta_1=1"], "strategy.server_adam_beta_1=1.0 is out of range"),
    (["strategy.server_adam_beta_2=1"], "strategy.server_adam_beta_2=1.0 is out of range"),
    (["strategy.server_adam_tau=0"], "strategy.server_adam_tau=0.0 is out of range: a number, greater than 0."),
    (["strategy.server_adam_eta=0"], "strategy.server_adam_eta=0.0 is out of range: a number, greater than 0."),
    (["strategy.server_learning_rate=0"], "strategy.server_learning_rate=0.0 is out of range"),
    (["strategy.proximal_mu=-1"], "strategy.proximal_mu=-1.0 is out of range: a number, at least 0."),
    (
        ["strategy=median", "strategy.byzantine=-1"],
        "strategy.byzantine=-1 is out of range: a whole number, at least 0.",
    ),
    (
        ["strategy=krum", "strategy.krum_select=0"],
        "strategy.krum_select=0 is out of range: a whole number, at least 1.",
    ),
    (["strategy.clip_update=0"], "strategy.clip_update=0.0 is out of range: a number, greater than 0, or null."),
    (["strategy.server_optimiser=sgd"], "unknown strategy.server_optimiser 'sgd'. Allowed: none, momentum, adam."),
    (["strategy.adam_moments=avarage"], "did you mean 'average'? Allowed: keep, average, reset."),
    (["strategy.share_targets=1"], "strategy.share_targets=1 has the wrong type; needed: true or false."),
    (["algorithm.hypernetwork_layers=3"], "at least 1 and at most 2"),
    (["algorithm.learning_rate=nan"], "algorithm.learning_rate=nan is out of range"),
    (["algorithm.grad_norm_clip=inf"], "algorithm.grad_norm_clip=inf is out of range"),
    (["algorithm.max_q=0"], "algorithm.max_q=0.0 is out of range: a number, greater than 0, or null."),
    (["algorithm.max_gradient=-1"], "algorithm.max_gradient=-1.0 is out of range: a number, greater than 0, or null."),
    (["algorithm.max_gradient=inf"], "algorithm.max_gradient=inf is out of range"),
    (["algorithm.max_q=none"], "algorithm.max_q=none has the wrong type; needed: a number, greater than 0, or null."),
    (["env.reward_defeat=inf"], "env.reward_defeat=inf is out of range"),
    (["env=smac", "env.games=0"], "env.games=0 is out of range: a whole number, at least 1."),
    (["env=smac", "env.difficulty=10"], "unknown env.difficulty '10'"),
    (["stop.win_rate=2"], "stop.win_rate=2.0 is out of range"),
    (["stop.return_mean=inf"], "stop.return_mean=inf is out of range: a number, or null."),
    (["stop.return_mean=high"], "stop.return_mean=high has the wrong type; needed: a number, or null."),
    # impossible together
    (["stop.return_mean=15"], "stop.return_mean=15 with env=skirmish map=3m: the score there is the win rate"),
    (["stop={return_mean: 15}"], "Write stop.win_rate=..., or leave it out."),
    (
        ["algorithm=mappo", "algorithm.batch_size=32"],
        "algorithm.batch_size=32 with algorithm=mappo, which learns from the newest batch of episodes alone",
    ),
    (["algorithm=ippo", "algorithm.buffer_size=5000"], "write algorithm.buffer_size=16"),
    (["algorithm=ippo", "algorithm.epsilon_finish=0.05"], "write algorithm.epsilon_finish=1."),
    (["algorithm=mappo", "algorithm.clip_ratio=0"], "algorithm.clip_ratio=0.0 is out of range"),
    (["algorithm.batch_size=9000"], "does not fit into algorithm.buffer_size=5000 episodes"),
    (["algorithm.parallel_episodes=6000"], "choose parallel_episodes <= buffer_size"),
    (["algorithm.epsilon_start=0.01"], "algorithm.epsilon_finish=0.05 lies above algorithm.epsilon_start=0.01"),
    (["strategy=none", "strategy.shared=['*']"], "strategy=none shares nothing"),
    (["strategy=a_pps", "strategy.shared=[]"], "use strategy=none"),
    (["strategy=full_sharing", "strategy.shared=[head.*]"], "leaves out fc.weight, fc.bias, gru.weight_ih"),
    (["env=smac", "env.randomise=types"], "env.randomise is a setting of skirmish; env=smac has: env.obs_all_health"),
    (["evaluation.starts=random"], "unknown evaluation.starts 'random'"),
    (["env=smac", "evaluation.starts=fixed"], "StarCraft II places the units itself"),
    (["env=smac", "evaluation.starts=both"], "Write evaluation.starts=varied"),
    (["strategy=full_sharing", "strategy.common_start=false"], "strategy.common_start=true is needed"),
    (
        ["strategy=none", "strategy.server_optimiser=adam"],
        "but strategy=none averages nothing: leave it out",
    ),
    (["strategy=none", "strategy.proximal_mu=0.1"], "strategy.proximal_mu=0.1 reduces the cost of averaging"),
    (["strategy=none", "strategy.adam_moments=reset"], "choose a_pps, rs_pps or pp_pps."),
    (["strategy=none", "strategy.share_targets=true"], "strategy.share_targets=true reduces the cost of averaging"),
    (["strategy=full_sharing", "strategy.share_targets=true"], "full_sharing has one network for all agents already"),
    (
        ["strategy=a_pps", "strategy.server_optimiser=adam", "strategy.common_start=false"],
        "strategy.server_optimiser=adam moves one network on from round to round",
    ),
    (
        ["strategy=krum"],
        "strategy=krum with strategy.byzantine=1 needs at least 5 agents; 3m has 3. Use median, trimmed_mean or norm",
    ),
    (["strategy=bulyan", "map=5m_vs_6m"], "needs at least 7 agents; 5m_vs_6m has 5. Use median, trimmed_mean, krum or"),
    (
        ["strategy=median", "strategy.byzantine=2"],
        "strategy=median with strategy.byzantine=2 needs at least 5 agents; 3m has 3. Use norm_clip.",
    ),
    (["strategy=trimmed_mean", "map=8m", "strategy.byzantine=4"], "needs at least 9 agents; 8m has 8. Use norm_clip."),
    (
        ["strategy=krum", "map=8m", "strategy.krum_select=8"],
        "strategy=krum with strategy.byzantine=1 and strategy.krum_select=8 needs at least 9 agents; 8m has 8.",
    ),
    (["strategy=norm_clip", "strategy.clip_update=null"], "strategy.clip_update=null clips nothing: give a number"),
    (["strategy=none", "strategy.clip_update=1"], "but strategy=none averages nothing: leave it out"),
    (["strategy=full_sharing", "strategy.clip_update=1"], "one network for all agents in every training step"),
    (["strategy=median", "strategy.clip_update=2"], "strategy=median bounds each agent's influence itself"),
    (["strategy=rs_pps", "strategy.clip_update=1", "strategy.common_start=false"], "strategy.common_start=true is"),
    # clusters
    (
        ["strategy=clusters", "strategy.clusters=null"],
        "strategy=clusters needs clusters: write strategy.clusters=t",
    ),
    (
        ["strategy.clusters=types"],
        "strategy.clusters is a setting of clusters, seps and adaps; strategy=a_pps has: strategy.code,",
    ),
    (["strategy=clusters", "strategy.clusters=kinds"], "strategy.clusters=kinds is not a list of lists of agents"),
    (["strategy=clusters", "strategy.clusters=[0,1,2]"], "strategy.clusters=[0,1,2] is not a list of lists of agents"),
    (["strategy=clusters", "strategy.clusters=[[0,1],[]]"], "[[0,1],[]] is not a list of lists of agents"),
    (["strategy=clusters", "strategy.clusters=[[0,1.0],[2]]"], "[[0,1.0],[2]] is not a list of lists of agents"),
    (["strategy=clusters", "strategy.clusters=[[0,true],[2]]"], "[[0,True],[2]] is not a list of lists of agents"),
    (["strategy=clusters", "strategy.clusters=[]"], "strategy.clusters=[] leaves out agents: 0, 1, 2"),
    (
        ["strategy=clusters", "strategy.clusters=[[0,1],[1,2]]"],
        "strategy.clusters=[[0,1],[1,2]] names agents more than once: 1. Name each of the agents 0 to 2 of 3m exactly",
    ),
    (
        ["strategy=clusters", "strategy.clusters=[[0],[2]]"],
        "strategy.clusters=[[0],[2]] leaves out agents: 1. Name each",
    ),
    (["strategy=clusters", "strategy.clusters=[[0,1,2,3]]"], "names agents that 3m does not have: 3. Name each of the"),
    (["strategy=clusters", "strategy.clusters=[[0,1,2,-1]]"], "names agents that 3m does not have: -1. Name each of"),
    (
        ["strategy=clusters", "env.randomise=types"],
        "env.randomise=types draws the agents' unit types for every episode",
    ),
    (["strategy=clusters", "strategy.server_optimiser=adam"], "strategy=clusters has one for each cluster: leave it"),
    # sub-networks, and gradients shared in every step
    (
        ["strategy=adaps", "strategy.clusters=null"],
        "strategy=adaps needs clusters: write strategy.clusters=auto, a number",
    ),
    (["strategy=adaps", "strategy.clusters=[[0],[2]]"], "strategy.clusters=[[0],[2]] leaves out agents: 1. Name each"),
    (["strategy=seps", "strategy.clusters=alike"], "strategy.clusters=alike is not a list of lists of agents: write s"),
    (
        ["strategy=seps", "strategy.clusters=1"],
        "strategy.clusters=1 must be from 2 to 3; 3m has 3: write a number from",
    ),
    (
        ["strategy=seps", "strategy.clusters=2", "strategy.smallest_cluster=2"],
        "one cluster alone; 3m has 3 agents: set",
    ),
    (["strategy=seps", "strategy.clusters=[[0,1],[2]]", "strategy.smallest_cluster=2"], "has the cluster [2], smaller"),
    (["strategy=adaps", "strategy.masks=learned"], "unknown strategy.masks 'learned'. Allowed: mapped, random"),
    (["strategy=snp_ps", "strategy.masks=random"], "strategy.masks is a setting of adaps; strategy=snp_ps has: "),
    (["strategy=snp_ps", "strategy.keep=0"], "strategy.keep=0.0 is out of range: a number, greater than 0 and at most"),
    (["strategy=snp_ps", "strategy.keep=1.1"], "strategy.keep=1.1 is out of range"),
    (["strategy=a_pps", "strategy.keep=0.5"], "strategy.keep is a setting of snp_ps and adaps"),
    (
        ["strategy=snp_ps", "strategy.server_optimiser=adam"],
        "strategy=snp_ps has a part of it for each agent: leave it",
    ),
    (
        ["strategy=adaps", "strategy.server_optimiser=adam"],
        "strategy=adaps has a part of it for each cluster: leave it",
    ),
    (
        ["strategy=adaps", "strategy.every_step=true", "strategy.common_start=false"],
        "strategy=adaps with strategy.every_step=true shares every gradient: strategy.common_start=true is needed.",
    ),
    (
        ["strategy=clusters", "strategy.every_step=true", "strategy.adam_moments=average"],
        "strategy=clusters with strategy.every_step=true shares every gradient already: leave it out",
    ),
    (["strategy=snp_ps", "strategy.every_step=true", "strategy.clip_update=1"], "shares every gradient already: leave"),
    (
        ["strategy=snp_ps", "strategy.every_step=true", "strategy.shared=[head.*]"],
        "strategy=snp_ps with strategy.every_step=true shares all parameters, but strategy.shared=[head.*] leaves out",
    ),
    # syntax
    (["map"], "'map' sets nothing: write name=value, for example map=3m"),
    (["=3"], "'=3' sets nothing"),
    (["~strategy=none"], "adds or deletes a setting; all settings exist already: write strategy=none."),
    (["+seed=3"], "all settings exist already: write seed=3."),
    (["++seed=3"], "all settings exist already: write seed=3."),
    (["run_dir=a=b"], "cannot read 'run_dir=a=b'"),
    (["strategy.shared=[head.*"], "cannot read 'strategy.shared=[head.*'"),
    (["algorithm@there=qmix"], "groups have one place only; write algorithm=qmix."),
    (["run_dir=${nowhere}"], "Interpolation key 'nowhere' not found"),
    (["seed=0,1"], "'seed=0,1' names several values: add -m"),
    (["hydra.run.dir=x"], "unknown setting 'hydra.run.dir'"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_refused_in_a_sentence(words: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compose(words, maps=MAPS, parameter_names=PARAMETER_NAMES)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        ["algorithm.learning_rate=1"],
        ["algorithm.batch_size=5000"],
        ["strategy=rs_pps", "strategy.max_weight=0.01"],
        ["algorithm=mappo", "algorithm.parallel_episodes=8"],
        ["algorithm=ippo", "algorithm.parallel_episodes=8", "algorithm.batch_size=8"],
        ["strategy.server_momentum=0"],
        ["strategy.server_adam_beta_1=0.999"],
        ["strategy.proximal_mu=0"],
        ["strategy=pp_pps", "strategy.server_optimiser=momentum", "strategy.adam_moments=average"],
        ["strategy=rs_pps", "strategy.adam_moments=reset", "strategy.common_start=false", "strategy.proximal_mu=10"],
        ["stop.win_rate=null"],
        ["algorithm.max_q=null", "algorithm.max_gradient=null"],
        ["algorithm.max_q=0.5", "algorithm.max_gradient=1"],
        ["stop={env_steps: 5}"],
        ["strategy.shared=[fc.*,gru.weight_ih]"],
        ["stop.env_steps=300_000"],
        ["run_dir='my runs/first, second'"],
        ["env.reward_defeat=-1"],
        ["strategy=median"],
        ["strategy=trimmed_mean", "map=8m", "strategy.byzantine=3"],
        ["strategy=clusters"],
        ["strategy=clusters", "strategy.clusters=[[2],[1,0]]", "strategy.adam_moments=average"],
        ["strategy=clusters", "strategy.clusters=[[2],[1,0]]", "env.randomise=types"],
        ["strategy=clusters", "strategy.every_step=true"],
        ["strategy=snp_ps", "strategy.keep=1", "strategy.adam_moments=average", "strategy.clip_update=1"],
        ["strategy=snp_ps", "strategy.common_start=false", "strategy.shared=[head.*]"],
        ["strategy=adaps", "strategy.clusters=types", "strategy.keep=0.001", "strategy.masks=random"],
        ["strategy=adaps", "strategy.every_step=true", "strategy.clusters=[[2],[1,0]]"],
        ["strategy=krum", "map=5m_vs_6m"],
        ["strategy=krum", "map=8m", "strategy.krum_select=7"],
        ["strategy=bulyan", "map=8m"],
        ["strategy=bulyan", "strategy.byzantine=0"],
        ["strategy=norm_clip", "strategy.clip_update=2"],
        ["strategy=rs_pps", "strategy.clip_update=1"],
        ["strategy=own", "strategy.byzantine=9"],
    ],
    ids=" ".join,
)
def test_the_edge_of_what_is_allowed_is_allowed(words: list[str]) -> None:
    compose(words, maps=MAPS, parameter_names=PARAMETER_NAMES)


def test_the_maps_and_parameters_are_the_real_ones_by_default() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown map '3M'; did you mean '3m'\?"):
        compose(["map=3M"])
    with pytest.raises(ConfigurationError, match=r"unknown parameter or pattern 'haed\.\*'"):
        compose(["strategy.shared=[haed.*]"])
