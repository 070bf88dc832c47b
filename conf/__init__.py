"""The settings of all choices (schema.py), the classes of the others (registry.py), and every default in YAML."""
