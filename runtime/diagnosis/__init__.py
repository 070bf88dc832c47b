"""What `fedqmix doctor` looks at: the requirements of each runtime and world, each with its remedy."""
