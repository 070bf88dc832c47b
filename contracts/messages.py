"""What server and agents write into Flower messages: the record and metric names, once for both sides."""

ARRAYS = "arrays"
PLAN = "plan"
METRICS = "metrics"

JOIN = "query.join"
"""Asks a node which agent it is; its reply carries that agent's parameters whose names match `shared`."""
POLICY = "query.policy"
"""Asks the team to play with the parameters sent, once, and to say what each agent earned."""

# plan
ROUND = "server-round"
SHARED = "shared"
TRAINING_STEPS = "training-steps"
ENV_STEPS = "env-steps"
TIE_GRADIENTS = "tie-gradients"
FIRST_EPISODE = "first-episode"
EPISODES = "episodes"

# metrics
AGENT = "agent"
NUM_EXAMPLES = "num-examples"  # Flower's own name for the amount of data behind an answer: episodes
ACCUMULATED_REWARD = "accumulated-reward"
TRAIN_STEP = "train-step"
ENV_STEP = "env-step"
EPISODE = "episode"
EPSILON = "epsilon"
WIN_RATE = "win-rate"
EPISODE_LENGTH = "episode-length"
