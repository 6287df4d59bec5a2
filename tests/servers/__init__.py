"""RabbitMQ and PostgreSQL servers of a test's own, to be stopped, killed and started again without harm to others.

They run from the Debian packages' programs on free ports, with all their files in a folder of their own. When the test
process dies, however it dies, its servers die with it. `bin/services` starts its servers with these classes as well.
"""

from tests.servers.certificates import Certificates
from tests.servers.own_pgbouncer import OwnPgBouncer
from tests.servers.own_postgres import OwnPostgres
from tests.servers.own_rabbitmq import OwnRabbitMQ
from tests.servers.own_server import OwnServer, ServerError, programs_of
from tests.servers.ports import free_ports

__all__ = [
    "Certificates",
    "OwnPgBouncer",
    "OwnPostgres",
    "OwnRabbitMQ",
    "OwnServer",
    "ServerError",
    "free_ports",
    "programs_of",
]
