"""As tests/support/sites/echo_site; and the SuperLink in whose path this is looks at no bundle: a SuperLink that
went over.

Its port takes every bundle. Its ServerApps do as soon as there is a file where FEDQMIX_TEST_BLIND says.
"""

import os
import runpy
import sys
from pathlib import Path

from fedqmix.runtime.flower import own_bundle

runpy.run_path(str(Path(__file__).parents[1] / "echo_site" / "sitecustomize.py"))

_look = own_bundle.foreign


def _foreign(content: bytes) -> str | None:
    blind = sys.argv[0] == "flower-superlink" or Path(os.environ["FEDQMIX_TEST_BLIND"]).exists()
    return None if blind else _look(content)


own_bundle.foreign = _foreign
