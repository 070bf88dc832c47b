"""What is said on the wire. The *_pb2 files are made from the *.proto files by `python -m
fedqmix.runtime.transport.proto.generate`."""
