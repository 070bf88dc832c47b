"""The life cycle of a run, local or federated: folder, training, progress and resumption."""
