"""What server and agents write into Flower messages: the record and metric names, once for both sides."""

ARRAYS = "arrays"
BUNDLE = "bundle"
"""The one array into which a message's named arrays are put on the way between machines (runtime.transport.bundle)."""
PLAN = "plan"
METRICS = "metrics"

JOIN = "query.join"
"""Asks a node which agent it is; its reply carries that agent's parameters whose names match `shared`."""
POLICY = "query.policy"
"""Asks the team to play with the parameters sent, once, and to say what each agent earned."""
WHO = "query.who"
"""Asks a node which agent it is, and nothing else; answered at once, also while the agent is busy."""

FAILURE = "failure"
"""The record of a reply in which an agent says why it has no answer (runtime.core.failures)."""

AT_WORK = "at-work"
"""The record of a reply that says nothing yet: the agent is at work, ask again. Only simulated nodes say so."""

# plan
ROUND = "server-round"
SHARED = "shared"
TRAINING_STEPS = "training-steps"
ENV_STEPS = "env-steps"
TIE_GRADIENTS = "tie-gradients"
PROXIMAL_MU = "proximal-mu"  # Flower's own name (its FedProx); 0 or absent: no proximal term
RESET_MOMENTS = "reset-moments"  # whether Adam's moments of the parameters sent begin at zero; absent: false
FIRST_EPISODE = "first-episode"
EPISODES = "episodes"
PURPOSES = "purposes"  # of evaluations: the kinds of battles (runtime.core.world.Purpose), played one after the other
INDEX = "index"  # which of a round's questions of one kind it is; 0 when there is only one
AGGREGATE, OWN_NETWORKS = 0, 1  # the index of evaluations: with the aggregate, or with what each agent has trained

# plan, added on the way to agents in other processes
RUN = "run"
ATTEMPT = "attempt"
CONFIG = "config"  # the run's resolved configuration, YAML
PATIENCE = "patience"  # seconds to wait for an agent that cannot be reached
AGENT_SERVICES = "doors"  # agent -> "host:port", for nodes that are not told where their agent is
CERTS = "certs"  # and the folder with their certificates; "": no encryption

# metrics
AGENT = "agent"
NUM_EXAMPLES = "num-examples"  # Flower's own name for the amount of data behind an answer: episodes
ACCUMULATED_REWARD = "accumulated-reward"
TRAIN_STEP = "train-step"
ENV_STEP = "env-step"
EPISODE = "episode"
WIN_RATE = "win-rate"  # of evaluations: a list, in the order of the plan's purposes
EPISODE_LENGTH = "episode-length"  # likewise
BROKEN = "broken-battles"  # how often a game broke down, so that its battle had to be played again
BUSY_S = "busy-s"  # seconds from the question's arrival at an agent to its answer
WAITED_S = "waited-s"  # of these, seconds in calls to world and mixer
