"""Generate the Python stubs from the .proto files (needs grpcio-tools).

Run it by `python -m fedqmix.runtime.transport.proto.generate`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
PACKAGE = Path("fedqmix", "runtime", "transport", "proto")
"""The folder from which .proto files and stubs import each other."""


def generate(target: Path | None = None) -> None:
    """Write the stubs of every .proto file to target/fedqmix/runtime/transport/proto, or beside the .proto files.

    Raises subprocess.CalledProcessError when a .proto file cannot be compiled.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        protos = [str(PACKAGE / path.name) for path in sorted(FOLDER.glob("*.proto"))]
        outputs = [f"--{kind}_out={made}" for kind in ("python", "pyi", "grpc_python")]
        compiler = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PACKAGE}={FOLDER}"]
        subprocess.run([*compiler, *outputs, *protos], check=True)
        place = FOLDER if target is None else target / PACKAGE
        place.mkdir(parents=True, exist_ok=True)
        for path in sorted((made / PACKAGE).iterdir()):
            serves = "class " in path.read_text().partition('"""')[2]
            if serves or not path.name.endswith("_pb2_grpc.py"):  # files with only messages have no service
                shutil.copyfile(path, place / path.name)


if __name__ == "__main__":
    generate()
