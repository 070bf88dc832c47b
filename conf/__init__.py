"""Every setting: its type, range and meaning (schema.py) and its value, once (the YAML files beside it)."""
