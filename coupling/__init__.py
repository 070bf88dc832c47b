"""The wire: how World and Mixer calls cross a process border, who may make them, and what they cost."""
