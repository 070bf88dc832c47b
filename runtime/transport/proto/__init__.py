"""The messages and services of the wire.

`python -m fedqmix.runtime.transport.proto.generate` generates the *_pb2 files from the *.proto files.
"""
