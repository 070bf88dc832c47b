"""The agents' two networks on a CPU: two kernels for a training step, one for acting.

A training step is divided into tasks, one for each agent and each block of 32 episodes. A task processes its episodes
moment by moment with all its data in the CPU's cache: it reads the observations from the buffer, computes both
networks, and saves the activations for the backward pass. Tasks share no data, so no thread waits for another, and the
result is the same, bit for bit, with any number of threads.

On other devices, `networks.gru` computes the same with torch; tests compare both with one independent computation.
"""
