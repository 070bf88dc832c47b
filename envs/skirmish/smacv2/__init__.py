"""The scenarios of SMACv2 (Ellis et al. 2023, arXiv 2212.07489), played by the rules of battle of env=skirmish.

Read in this order: scenarios (the tasks), options (their settings), draws (teams and places), opening (the beginning
of a battle), enemies (their orders), vision (ranges and limits of sight), sight (how the limits work).
"""
