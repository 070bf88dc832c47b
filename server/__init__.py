"""The mixer's side: the team's learner and episode records, the Flower server, and a run's metrics and documents.

No code here reads an observation or an action.
"""
