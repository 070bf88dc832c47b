"""Make the Python stubs from the .proto files: `python -m coupling.proto.generate` (needs grpcio-tools)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent


def generate(target: Path = ROOT) -> None:
    """Write the stubs of every .proto file to target/coupling/proto.

    Raises subprocess.CalledProcessError when a .proto file cannot be compiled.
    """
    protos = [str(path.relative_to(ROOT)) for path in sorted(FOLDER.glob("*.proto"))]
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT}", *outputs, *protos], cwd=ROOT, check=True)
    for path in sorted((target / "coupling" / "proto").glob("*_pb2_grpc.py")):
        if "class " not in path.read_text().partition('"""')[2]:  # messages only: nothing to serve
            path.unlink()


if __name__ == "__main__":
    generate()
