"""Parsing and validation: command-line overrides become a checked, typed configuration."""
