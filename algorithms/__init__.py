"""Learning methods, one folder each: an agent half and a team half."""
