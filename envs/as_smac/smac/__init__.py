"""The name `smac`, for programs that import SMAC; StarCraft II is not played (docs/other_libraries.md)."""
