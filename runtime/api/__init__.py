"""The functions and classes that `import fedqmix` offers (docs/python.md); the root's __init__ loads them when used."""
