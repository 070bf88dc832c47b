"""The real StarCraft II behind the World contract: SMAC's StarCraft2Env over pysc2, games in processes of their own."""
