"""Child processes: kept running or run to their end, and none is left behind."""

from runtimes.processes.guarded import guarded_folder
from runtimes.processes.health import answers, serving
from runtimes.processes.interruption import interruptible
from runtimes.processes.jobs import Jobs
from runtimes.processes.ports import free_ports
from runtimes.processes.supervisor import Service, Supervisor

__all__ = ["Jobs", "Service", "Supervisor", "answers", "free_ports", "guarded_folder", "interruptible", "serving"]
