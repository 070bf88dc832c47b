"""What `fedqmix report` does: finding and reading runs, playing their networks again, writing the page."""
