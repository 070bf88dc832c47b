"""`python -m runtimes` is `fedqmix`."""

import sys

from runtimes.cli import main

sys.exit(main())
