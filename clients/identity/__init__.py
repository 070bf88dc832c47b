"""Identification: an agent learns a vector that says what it is, from transitions that never leave it.

Read in this order: transitions (what an agent has seen), model (the decoder and its loss), training (gradient steps,
with the team's summed gradients or alone), answers (the questions of the server).
"""
