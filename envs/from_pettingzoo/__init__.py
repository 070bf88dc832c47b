"""Users' PettingZoo environments as worlds (env=pettingzoo); envs/pettingzoo.py is the other direction."""
