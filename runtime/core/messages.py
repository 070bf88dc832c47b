"""The names of records, plan entries and metrics in Flower messages, for server and agents."""

ARRAYS = "arrays"
PLAN = "plan"
METRICS = "metrics"

JOIN = "query.join"
"""Asks for a node's agent; the reply holds that agent's parameters whose names match `shared`."""
POLICY = "query.policy"
"""Asks the team to play episodes with the parameters sent; the reply holds each agent's individual return."""
IDENTITY = "query.identity"
"""Asks the team to learn its identities from random episodes; the reply holds each agent's mean."""
WHO = "query.who"
"""Asks for a node's agent and nothing else; answered at once, also while the agent is busy."""

FAILURE = "failure"
"""The record of a reply with an agent's error in place of an answer (runtime.core.failures)."""

AT_WORK = "at-work"
"""The record of a reply without an answer: the agent is at work, ask again. Only simulated nodes send it."""

UNREADABLE = "unreadable"
"""The record that the server puts in place of an answer that it could not read; it holds REASON."""
REASON = "reason"

# arrays of answers about identities
IDENTITY_MEAN = "identity.mean"

# plan
ROUND = "server-round"
SHARED = "shared"
TRAINING_STEPS = "training-steps"
ENV_STEPS = "env-steps"
TIE_GRADIENTS = "tie-gradients"
POOLED_SIZE = "pooled-size"  # of the team's pooled gradient, where agents have places in it; absent: 0, one network
PROXIMAL_MU = "proximal-mu"  # Flower's own name (its FedProx); 0 or absent: no proximal term
RESET_MOMENTS = "reset-moments"  # reset Adam's moments of the parameters sent to zero; absent: false
BUFFERS = "buffers"  # names of the arrays that the agent keeps and neither trains nor returns; absent: none
INITIAL = "initial"  # names of the personal parameters that the agent begins the run with; absent: its own
FIRST_EPISODE = "first-episode"
EPISODES = "episodes"
PURPOSES = "purposes"  # of evaluations: the episodes' purposes (runtime.core.world.Purpose), played one after the other
INDEX = "index"  # the question's index among a round's questions of one type
LATENT = "latent"  # of the identity model: the width of an agent's vector
KL_WEIGHT = "kl-weight"  # of the identity model: the weight of the divergence
IDENTITY_BATCH = "identity-batch"  # transitions of each agent in a gradient step of the identity model
AVERAGE_EVERY = "average-every"  # gradient steps between averages of the identity model's decoder; 0: its gradients
AGGREGATE, OWN_NETWORKS = 0, 1  # the index of evaluations: of the aggregate, or of each agent's own trained network

# plan, added on the way to agents in other processes
RUN = "run"
ATTEMPT = "attempt"
CONFIG = "config"  # the run's resolved configuration, YAML
PATIENCE = "patience"  # seconds to wait for an agent that cannot be reached
AGENT_SERVICES = "agent-services"  # agent -> "host:port", for nodes that Flower simulates
CERTS = "certs"  # the folder with these nodes' certificates; "": no encryption

# metrics
AGENT = "agent"
NUM_EXAMPLES = "num-examples"  # Flower's own name for the amount of data behind an answer: episodes
ACCUMULATED_REWARD = "accumulated-reward"
TRAIN_STEP = "train-step"
ENV_STEP = "env-step"
EPISODE = "episode"
IDENTITY_ERROR = "identity-error"  # mean squared errors of the identity model: a list, over ten parts of its training
WIN_RATE = "win-rate"  # of evaluations: a list, in the order of the plan's purposes
EPISODE_LENGTH = "episode-length"  # likewise
BROKEN = "broken-episodes"  # game breakdowns; each such episode was played again
BUSY_S = "busy-s"  # seconds from the question's arrival at an agent to its answer
WAITED_S = "waited-s"  # the part of busy-s in calls to world and mixer
