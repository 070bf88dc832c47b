"""The mixer's side: team learner, episode records, Flower server, metrics and documents.

No code here reads an observation or an action.
"""
