"""What every run has, wherever it takes place: its folder, its conduct, its progress, its replays."""
