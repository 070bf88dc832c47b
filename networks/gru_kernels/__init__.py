"""The agents' two networks on a processor: a step's Q-values and gradients in two kernels, an action in one.

A training step is cut into tasks, one for each agent and each block of 32 episodes. A task goes through its episodes
moment by moment with everything it needs in the processor's cache: it reads the observations where the buffer has them,
computes both networks, and keeps what the way back needs. Tasks share nothing, so no thread waits for another, and the
result is the same bit for bit whatever their number.

On other devices `networks.gru` does the same with torch; tests hold both to one independent computation.
"""
