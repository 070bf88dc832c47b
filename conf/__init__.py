"""The settings: types, ranges and meanings in schema.py, default values in the YAML files."""
