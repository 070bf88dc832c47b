"""QMIX on a processor: values, TD errors and gradients of a batch of transitions, in one kernel.

A transition's error depends on that transition alone, so a few transitions at a time go all the way forward and back
while everything about them is in the processor's cache. On other devices `algorithms.q_learning.mixers.qmix` does
the same with torch.
"""
