"""Child processes that are kept running, and of which none is left behind."""

from runtimes.processes.health import answers, serving
from runtimes.processes.ports import free_ports
from runtimes.processes.supervisor import Service, Supervisor

__all__ = ["Service", "Supervisor", "answers", "free_ports", "serving"]
