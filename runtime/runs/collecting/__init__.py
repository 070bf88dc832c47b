"""Finished runs as small files for a repository: their names, what is in them, and how they are read again."""
