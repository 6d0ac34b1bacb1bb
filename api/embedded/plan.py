"""What the owner asks of the supervisor, and how it is written into the pipe between them.

    owner: SupervisorPlan -> one JSON line -> supervisor

Only the standard library: the supervisor starts without the installed packages, which saves most of
its start-up time.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["PostgresPlan", "RedisPlan", "SupervisorPlan", "decode_plan", "encode_plan"]


@dataclass(frozen=True, slots=True)
class PostgresPlan:
    """One PostgreSQL server.

    Attributes:
        programs: The folder with `bin/initdb` and `bin/postgres`.
        data: The data folder; made when absent.
        sockets: The folder of its socket.
        log: Its log file.
        user: Runs as this user id and group id; None: as the supervisor does.
        owner_name: The system user who may connect, as any role.
        durable: False turns fsync off: faster, and a power cut loses the database. For tests.
    """

    programs: str
    data: str
    sockets: str
    log: str
    user: tuple[int, int] | None
    owner_name: str
    durable: bool


@dataclass(frozen=True, slots=True)
class RedisPlan:
    """One Redis server.

    Attributes:
        program: `redis-server`.
        data: The folder of its snapshot.
        socket: The path of its socket.
        log: Its log file.
    """

    program: str
    data: str
    socket: str
    log: str


@dataclass(frozen=True, slots=True)
class SupervisorPlan:
    """Everything the supervisor needs to know.

    Attributes:
        lock: A file that the supervisor and its servers keep locked as long as one of them lives.
        owner_pid: The process whose end ends the servers.
        postgres: None: not wanted.
        redis: None: not wanted.
    """

    lock: Path
    owner_pid: int
    postgres: PostgresPlan | None
    redis: RedisPlan | None


def encode_plan(plan: SupervisorPlan) -> bytes:
    """Write a plan as one line."""
    fields = asdict(plan) | {"lock": str(plan.lock)}
    return json.dumps(fields).encode() + b"\n"


def decode_plan(line: bytes) -> SupervisorPlan:
    """Read what `encode_plan` wrote."""
    fields = json.loads(line)
    postgres = fields["postgres"]
    if postgres is not None and postgres["user"] is not None:
        postgres["user"] = tuple(postgres["user"])
    return SupervisorPlan(
        lock=Path(fields["lock"]),
        owner_pid=fields["owner_pid"],
        postgres=postgres and PostgresPlan(**postgres),
        redis=fields["redis"] and RedisPlan(**fields["redis"]),
    )
