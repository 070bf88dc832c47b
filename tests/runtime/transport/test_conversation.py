"""Requests and replies on a stream: each reply is the one to its own request, whatever became of the stream."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from fedqmix.runtime.core.errors import AttemptError, RefusedError
from fedqmix.runtime.transport.calls import Line
from fedqmix.runtime.transport.conversation import Conversation
from fedqmix.runtime.transport.faults import conversed
from support.federation import channel
from support.tagged import eventually


class Doubler:
    """Doubles numbers; refuses 13; hangs up on 7 the first time."""

    def __init__(self):
        self.streams, self.hung_up = 0, False

    @conversed
    def double(self, request, context):
        number = int(request)
        if number == 13:
            raise RefusedError("not 13")
        return str(2 * number).encode()

    def serve(self, requests, context):
        self.streams += 1
        for request in requests:
            if request == b"7" and not self.hung_up:
                self.hung_up = True
                context.abort(grpc.StatusCode.UNAVAILABLE, "hung up")
            yield from self.double(iter([request]), context)


@pytest.fixture
def doubler():
    service = Doubler()
    server = grpc.server(ThreadPoolExecutor(4))
    handler = grpc.stream_stream_rpc_method_handler(service.serve)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", {"Double": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with channel(port) as way:
        service.conversation = Conversation(Line("the doubler", 5), way.stream_stream("/test/Double"))
        yield service
        service.conversation.close()
    server.stop(0)


def test_one_stream_serves_many_requests(doubler):
    assert [doubler.conversation.call(str(n).encode()) for n in range(5)] == [b"0", b"2", b"4", b"6", b"8"]
    assert doubler.streams == 1


def test_a_reply_nobody_took_is_not_the_next_ones(doubler):
    doubler.conversation.start(b"1")
    later = doubler.conversation.start(b"2")
    assert later() == b"4"
    assert doubler.conversation.call(b"3") == b"6"


def test_after_a_refusal_the_next_request_is_answered(doubler):
    with pytest.raises(RefusedError, match="not 13"):
        doubler.conversation.call(b"13")
    assert doubler.conversation.call(b"5") == b"10"


def test_a_broken_stream_is_begun_anew_with_the_same_request(doubler):
    assert doubler.conversation.call(b"7") == b"14"
    assert doubler.streams == 2


def test_hanging_up_and_asking_again(doubler):
    assert doubler.conversation.call(b"1") == b"2"
    doubler.conversation.close()
    assert doubler.conversation.call(b"2") == b"4"


def test_a_service_that_ends_the_conversation_is_named():
    server = grpc.server(ThreadPoolExecutor(2))
    handler = grpc.stream_stream_rpc_method_handler(lambda requests, context: iter(()))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", {"Double": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with channel(port) as way, pytest.raises(AttemptError, match="the doubler hung up"):
        Conversation(Line("the doubler", 1), way.stream_stream("/test/Double")).call(b"1")
    server.stop(0)


def test_a_conversation_that_is_dropped_leaves_no_thread(doubler):
    before = set(threading.enumerate())
    method = doubler.conversation._method
    for _ in range(3):
        assert Conversation(Line("the doubler", 5), method).call(b"4") == b"8"
    assert eventually(lambda: not set(threading.enumerate()) - before - of_the_server())


def of_the_server():
    """Threads of the server's own pool, which stay for the next calls."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")}
