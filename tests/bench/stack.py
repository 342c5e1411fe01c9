"""The stack under test: started, stopped and measured from outside."""

import os
import subprocess
import sys
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests"))

from services import catalog_of_build

SERVICES = tuple(entry["service"] for entry in catalog_of_build())
TICKS = os.sysconf("SC_CLK_TCK")
EVENT_TOPICS = tuple(entry["emits_to"] for entry in catalog_of_build())

# In how many processes the services run, and how many databases they have.
SHAPES = {"4": (4, 4), "1": (1, 1), "1x4": (1, 4)}


def wait_for(what, condition, seconds=60, pause=0.02):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: {what}: not within {seconds} s")
        time.sleep(pause)
    return value


def ticks_of(pid):
    """Of a process: user and system, and both of its children that have ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0, 0
    return int(fields[11]), int(fields[12]), int(fields[13]) + int(fields[14])


def status_of(pid, name):
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def stack_environment(folder):
    """What the shell makes of a stack's env."""
    said = subprocess.run(["bash", "-c", '. "$1/env" && env -0', "bash", folder],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    return {
        name: value
        for name, _, value in (line.partition("=") for line in said.split("\0"))
        if name.startswith("QUADRILLE_")
    }


class Database:
    """One psql that stays, so that asking costs the machine little."""

    def __init__(self, url):
        self.asked = 0
        at = urllib.parse.urlsplit(url)
        options = urllib.parse.parse_qs(at.query).get("options", [])
        environment = dict(os.environ, PGHOST=at.hostname, PGPORT=str(at.port), PGUSER=at.username,
                           PGPASSWORD=at.password, PGDATABASE=at.path[1:],
                           PGOPTIONS=" ".join(["-c client_min_messages=warning", *options]))
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
                                     env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True, bufsize=1)

    def ask(self, sql):
        self.asked += 1
        self.psql.stdin.write(sql.rstrip("; \n") + ";\n\\echo <end>\n")
        self.psql.stdin.flush()
        lines = []
        while (line := self.psql.stdout.readline().rstrip("\n")) != "<end>":
            if line == "" and self.psql.poll() is not None:
                raise SystemExit(f"bench: psql refused: {sql}")
            lines.append(line)
        return "\n".join(lines)

    def number(self, sql):
        return float(self.ask(sql) or 0)

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


class Stack:
    def __init__(self, build, broker, folder="bench", shape="4"):
        processes, databases = SHAPES[shape]
        self.shape = shape
        self.build = os.path.abspath(build)
        self.folder = os.path.join(self.build, folder)
        self.broker = broker
        self.env = dict(
            os.environ, BIN=os.path.join(self.build, "bin"), BROKER=broker, PARTITIONS="6",
            PROCESSES=str(processes), DATABASES=str(databases), FLOW="pay-first",
            KAFKA_HEAP=os.environ.get("KAFKA_HEAP", "512m"),
            POSTGRES_OPTIONS="-c shared_preload_libraries=pg_stat_statements -c max_wal_size=8GB")
        self.env["PATH"] = os.path.join(self.build, "bin") + ":" + self.env["PATH"]
        self.hosts = SERVICES if processes == 4 else ("quadrille",)
        self.databases = {}
        self.running = []

    def tool(self, *arguments, **environment):
        subprocess.run([os.path.join(ROOT, "tools/stack/stack"), *arguments],
                       env={**self.env, **environment}, check=True, stdout=subprocess.DEVNULL)

    def base(self):
        self.tool("base", self.folder)
        self.env.update(stack_environment(self.folder))
        for name in (*SERVICES, "provider"):
            self.databases[name] = Database(self.env[f"QUADRILLE_{name.upper()}_DATABASE"])
        self.databases["provider"].ask("CREATE EXTENSION pg_stat_statements")

    def down(self):
        for database in self.databases.values():
            database.close()
        self.databases = {}
        self.tool("down", self.folder)

    def run(self, *arguments, **options):
        """A program of ours, in the stack's environment; its output."""
        return subprocess.run(arguments, env=self.env, check=True, stdout=subprocess.PIPE,
                              text=True, **options).stdout

    def bench(self, *arguments):
        return self.run(os.path.join(self.build, "tests/bench"), *map(str, arguments))

    def start_services(self, instances=1, options=(), **environment):
        """Returns the moment at which the first of them had partitions: its clock starts there."""
        names = [s if i == 0 else f"{s}.{i + 1}" for s in self.hosts for i in range(instances)]
        for name in names:
            self.tool("start", self.folder, name, *options, **environment)
            self.running.append(name)
        waiting, first = set(names), None
        deadline = time.monotonic() + 60
        while waiting:
            for name in list(waiting):
                with open(os.path.join(self.folder, "log", name + ".log")) as log:
                    if "partitions assigned" in log.read():
                        first = first or time.monotonic()
                        waiting.remove(name)
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"bench: no partitions for {', '.join(sorted(waiting))}: see {self.folder}/log")
            time.sleep(0.01)
        return first

    def stop_services(self):
        if self.running:
            self.tool("stop", self.folder, *self.running)
        self.running = []

    def pid(self, name):
        with open(os.path.join(self.folder, "pid", name)) as file:
            return int(file.read())

    def backends(self):
        """The processes of PostgreSQL's connections: of the provider's ledger, and our own."""
        rows = self.databases["provider"].ask(
            "SELECT pid, application_name = 'psql' FROM pg_stat_activity"
            " WHERE datname = 'quadrille_provider' OR application_name = 'psql'").splitlines()
        return ([row.split("|")[0] for row in rows if row.endswith("|f")],
                [row.split("|")[0] for row in rows if row.endswith("|t")])

    def cpu(self):
        """CPU seconds so far: services that run, each process and in all; the kernel's part of
        email's where that runs alone; broker; PostgreSQL with all its processes, without the
        connections of the provider's ledger, which are counted apart, and our own."""
        ticks = {name: ticks_of(self.pid(name)) for name in self.running}
        master = self.pid("postgres")
        ledger, ours = (sum(sum(ticks_of(pid)[:2]) for pid in pids) for pids in self.backends())
        with open(f"/proc/{master}/task/{master}/children") as file:
            postgres = sum(ticks_of(master)) + sum(
                sum(ticks_of(pid)[:2]) for pid in file.read().split())
        each = {name: user + system for name, (user, system, _) in ticks.items()}
        counted = {
            "services": sum(each.values()),
            "email_kernel": sum(ticks[name][1] for name in ticks if name.startswith("email")),
            "broker": sum(ticks_of(self.pid("broker"))[:2]),
            "postgres": postgres - ledger - ours,
            "provider": ledger,
            **each
        }
        return {name: count / TICKS for name, count in counted.items()}

    def resident_mib(self):
        return {name: status_of(self.pid(name), "VmRSS") / 1024 for name in self.running}

    def peak_mib(self):
        return {name: status_of(self.pid(name), "VmHWM") / 1024 for name in self.running}

    def log_bytes(self):
        """Of Kafka's logs, all topics of the saga; 0 where the broker keeps them elsewhere."""
        data = os.path.join(self.folder, "kafka", "data")
        if not os.path.isdir(data):
            return 0
        return sum(entry.stat().st_size for folder in os.scandir(data)
                   if folder.is_dir() and not folder.name.startswith(("limit.", "__"))
                   for entry in os.scandir(folder.path) if entry.name.endswith(".log"))

    def statistics(self):
        """Counters of PostgreSQL over all databases of the services, without what we ask; the
        commits of the provider's ledger apart.  WAL is that of all."""
        ask = self.databases["provider"].ask
        wal, statements = ask(
            "SELECT pg_current_wal_lsn() - '0/0', (SELECT sum(calls) FROM pg_stat_statements s"
            " JOIN pg_database d ON d.oid = s.dbid WHERE d.datname LIKE 'quadrille%'"
            " AND d.datname <> 'quadrille_provider')").split("|")
        rows, commits, ledger = ask(
            "SELECT sum(tup_inserted + tup_updated + tup_deleted) FILTER (WHERE ours),"
            " sum(xact_commit) FILTER (WHERE ours), sum(xact_commit) FILTER (WHERE NOT ours)"
            " FROM (SELECT *, datname <> 'quadrille_provider' AS ours FROM pg_stat_database"
            " WHERE datname LIKE 'quadrille%') AS d").split("|")
        asked = sum(self.databases[name].asked for name in SERVICES)
        return {
            "wal_bytes": float(wal),
            "statements": float(statements) - asked,
            "rows": float(rows),
            "commits": float(commits) - asked,
            "provider_commits": float(ledger) - self.databases["provider"].asked
        }
