"""QMIX on a CPU: values, TD errors and gradients of a batch of transitions, in one kernel.

A transition's error depends only on that transition and its TD target. So the kernel runs the forward and backward
pass for a few transitions at a time, with all their data in the CPU's cache. On other devices,
`algorithms.q_learning.mixers.qmix` computes the same with torch.
"""
