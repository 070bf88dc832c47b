"""A folder to put on PYTHONPATH: its package `smac` is fedqmix's world for programs that import SMAC.

    PYTHONPATH=$(python -m fedqmix.envs.as_smac) python PROGRAM.py

Such a program's `from smac.env import StarCraft2Env` gets fedqmix.envs.StarCraft2Env (docs/other_libraries.md).
"""
