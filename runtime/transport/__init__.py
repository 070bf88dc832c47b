"""The wire: how World and Mixer calls cross a process border, who may make them, and what they cost.

```
proto/*.proto                  what is said, to be read as conversations
codec, turns, tickets          arrays, turns and headers as messages, and back
rendezvous                     where agents meet: one computes for all, once
desk                           who may speak, the meeting, the ledger
world_, mixer_, sink_service   a local World, Mixer or TeamSink, served
world_, mixer_, sink_remote    the other ends: the same Protocols
control_service, control_remote  how the server opens attempts and asks how things stand
calls, conversation, faults    retries, deadlines; streams; errors that arrive as they were raised
security, identity, authority  mutual TLS and its certificates
```
"""
