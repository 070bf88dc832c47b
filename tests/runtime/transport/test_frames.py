"""Frames: what is sent arrives whole and in order, whatever pieces it comes in; anything else is an error."""

import socket
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedqmix.runtime.transport.frames import BadFrameError, FrameSocket, FrameTooLargeError, Kind

LIMIT = 10**6


@pytest.fixture
def ends():
    left, right = socket.socketpair()
    with left, right:
        yield left, right


@given(st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=300)), max_size=6), st.data())
def test_frames_arrive_whole_in_any_pieces(sent, data):
    left, right = socket.socketpair()
    with left, right:
        writer = FrameSocket(left, LIMIT)
        for kind, body in sent:
            writer.send(kind, body)
        left.shutdown(socket.SHUT_WR)
        pieces = bytearray()
        while piece := right.recv(10**5):
            pieces += piece
        near, far = socket.socketpair()
        with near, far:
            cuts = sorted(data.draw(st.lists(st.integers(0, len(pieces)), max_size=8)))
            feeding = threading.Thread(target=feed, args=(near, bytes(pieces), cuts))
            feeding.start()
            reader = FrameSocket(far, LIMIT)
            assert [reader.receive() for _ in sent] == sent
            assert reader.receive() is None
            feeding.join()


def feed(near: socket.socket, content: bytes, cuts: list[int]) -> None:
    for first, last in zip([0, *cuts], [*cuts, len(content)], strict=True):
        near.sendall(content[first:last])
    near.shutdown(socket.SHUT_WR)


def test_a_large_frame_arrives(ends):
    body = bytes(range(256)) * 3000
    sending = threading.Thread(target=FrameSocket(ends[0], LIMIT).send, args=(Kind.MESSAGE, body))
    sending.start()
    assert FrameSocket(ends[1], LIMIT).receive() == (Kind.MESSAGE, body)
    sending.join()


def test_a_frame_above_the_limit_is_neither_sent_nor_read(ends):
    with pytest.raises(FrameTooLargeError, match="larger than max"):
        FrameSocket(ends[0], 10).send(Kind.MESSAGE, bytes(11))
    ends[0].sendall(struct.pack("!BI", Kind.MESSAGE, 2**32 - 1))
    with pytest.raises(FrameTooLargeError, match="larger than max"):
        FrameSocket(ends[1], LIMIT).receive()


@pytest.mark.parametrize(
    "content", [b"\0\0\0\0\1a", b"GET / HTTP/1.1\r\n\r\n", struct.pack("!BI", 2, 5) + b"abcd", b"\2"]
)
def test_what_is_not_a_frame_is_refused(ends, content):
    ends[0].sendall(content)
    ends[0].shutdown(socket.SHUT_WR)
    with pytest.raises(BadFrameError):
        FrameSocket(ends[1], LIMIT).receive()


def test_nothing_is_lost_when_time_is_over_in_the_middle_of_a_frame(ends):
    ends[1].settimeout(0.05)
    reader = FrameSocket(ends[1], LIMIT)
    ends[0].sendall(struct.pack("!BI", Kind.MESSAGE, 4) + b"ab")
    with pytest.raises(TimeoutError):
        reader.receive()
    ends[0].sendall(b"cd")
    assert reader.receive() == (Kind.MESSAGE, b"abcd")
