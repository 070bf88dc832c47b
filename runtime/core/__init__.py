"""The words the rooms speak to each other: records, Protocols, errors, seeds. Nothing here computes."""
