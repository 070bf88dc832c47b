"""Finished runs as small files for a repository: their names, content and reading."""
