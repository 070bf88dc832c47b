"""Child processes: supervised services and one-off jobs, all ended with their parent."""

from fedqmix.runtime.processes.guarded import guarded_folder
from fedqmix.runtime.processes.health import answers, serving
from fedqmix.runtime.processes.interruption import interruptible, require_uninterrupted
from fedqmix.runtime.processes.jobs import Jobs
from fedqmix.runtime.processes.ports import free_ports
from fedqmix.runtime.processes.supervisor import Service, Supervisor

__all__ = [
    "Jobs",
    "Service",
    "Supervisor",
    "answers",
    "free_ports",
    "guarded_folder",
    "interruptible",
    "require_uninterrupted",
    "serving",
]
