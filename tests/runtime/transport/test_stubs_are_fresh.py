"""The committed stubs are what the .proto files say."""

from importlib.metadata import version
from pathlib import Path

import pytest

from fedqmix.runtime.transport.proto import generate


def test_the_committed_stubs_are_the_generated_ones(tmp_path: Path):
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed: stubs cannot be generated")
    written = next(line for line in (generate.FOLDER / "world_pb2_grpc.py").read_text().splitlines() if "= '" in line)
    if version("grpcio-tools") not in written:
        pytest.skip(f"the committed stubs are of another grpcio-tools than {version('grpcio-tools')}")
    generate.generate(tmp_path)
    fresh = {path.name: path.read_text() for path in (tmp_path / generate.PACKAGE).iterdir()}
    committed = {path.name: path.read_text() for path in generate.FOLDER.glob("*_pb2*.py*")}
    assert fresh.keys() == committed.keys()
    assert all(fresh[name] == committed[name] for name in fresh)
