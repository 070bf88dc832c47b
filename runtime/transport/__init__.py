"""The wire: calls to World and Mixer across a process border, their admission and their cost.

```
proto/*.proto                  the services and messages, to be read as conversations
codec, time_steps, tickets     arrays, time steps and headers as messages, and back
rendezvous                     the meeting of all agents: one thread computes for all, once
standing                       its records: a request's ticket, the agents' standing
handler                        the caller's name, the meeting and the ledger of a request
world_, mixer_, sink_service   a local World, Mixer or TeamSink as a service
world_, mixer_, sink_remote    the other ends: the same Protocols
control_service, control_remote  the server's control of attempts, and their status
calls, conversation, faults    retries and deadlines; streams; errors raised again at the caller
security, identity, authority  mutual TLS and its certificates
```
"""
