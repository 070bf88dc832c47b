"""What each `fedqmix COMMAND` does."""
