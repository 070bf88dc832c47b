"""StarCraft II as a World: SMAC's StarCraft2Env over pysc2, each game in its own process."""
