"""`python -m fedqmix`: the command line."""

import sys

from fedqmix.runtime.cli.main import main

sys.exit(main())
