"""A stack of our own, and everything that can be done to it.

Only processes that this stack started are ever signalled: each is known by its id and by when it
began.
"""
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests"))

from services import catalog_of_build

SERVICES = tuple(entry["service"] for entry in catalog_of_build())
EVENT_TOPICS = tuple(entry["emits_to"] for entry in catalog_of_build())
PATIENCE_S = int(os.environ.get("PATIENCE", 300))


class Failed(Exception):
    """Something does not hold, or did not come within its time."""


def wait_for(what, condition, seconds=PATIENCE_S, pause=0.05):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(pause)
    return value


def started_at(pid):
    """When the process began, in ticks since boot; None when it has ended (a zombie has)."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def stop_when_asked():
    """Ctrl-C and SIGTERM alike, whoever started us: the stack is stopped then."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def run_and_tell(name, test, repeat, more=lambda: ""):
    """Runs a test that has a environment, says what came of it and how to have it once more, and
    gives its exit code."""
    stop_when_asked()
    held = test.run()
    if held:
        print(f"{name}: all holds{more()}. SEED={test.arguments.seed}")
        shutil.rmtree(test.environment.folder)
    else:
        print(
            f"{name}: {len(test.environment.findings)} findings, the first: "
            f"{test.environment.findings[0]}\n"
            f"{name}: all logs are in {test.environment.folder}/log; once more: {repeat}")
    return 0 if held else 1


class Process:
    """A process of the stack: never another one that got its id later."""

    def __init__(self, pid):
        self.pid, self.began = pid, started_at(pid)

    def alive(self):
        return self.began is not None and started_at(self.pid) == self.began

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def ended(self, what, seconds=PATIENCE_S):
        wait_for(f"the end of {what}", lambda: not self.alive(), seconds)

    def resident_mib(self):
        try:
            with open(f"/proc/{self.pid}/status") as file:
                return sum(
                    int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024
        except (FileNotFoundError, ProcessLookupError):
            return 0.0


class Journal:
    """What happens, with its time: lines in a file and on standard output; on a terminal one more
    line that is rewritten."""

    def __init__(self, path):
        self.file = open(path, "w")
        self.began = time.monotonic()
        self.lock = threading.Lock()
        self.terminal = sys.stdout.isatty()
        self.shown_at = 0.0

    def say(self, text):
        line = f"{time.monotonic() - self.began:7.1f} s  {text}"
        with self.lock:
            print(line, file=self.file, flush=True)
            print(("\r\033[K" if self.terminal else "") + line, flush=True)

    def progress(self, text):
        now = time.monotonic()
        if now - self.shown_at < (0.5 if self.terminal else 10):
            return
        self.shown_at = now
        line = f"{now - self.began:7.1f} s  {text}"
        with self.lock:
            print(("\r\033[K" if self.terminal else "") + line, end="" if self.terminal else "\n",
                  flush=True)


class Environment:
    """tools/stack in one folder, its processes, and what becomes of them."""

    def __init__(self, build, folder, broker, **settings):
        self.build = os.path.abspath(build)
        self.folder = os.path.join(self.build, folder)
        os.makedirs(self.folder, exist_ok=True)
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("QUADRILLE_")
        }
        self.env.update({
            "BIN": os.path.join(self.build, "bin"),
            "BROKER": broker,
            "PARTITIONS": "6",
            "PROCESSES": "4",
            "DATABASES": "4",
            "PGCONNECT_TIMEOUT": "10"
        })
        self.env["PATH"] = self.env["BIN"] + ":" + self.env["PATH"]
        self.env.update(settings)
        self.env.pop("BROKERS", None)
        self.processes = {}
        self.lock = threading.RLock()
        self.findings = []
        self.journal = None
        self.reported = set()

    # ---- starting and stopping ----

    def tool(self, *arguments):
        done = subprocess.run([os.path.join(ROOT, "tools/stack/stack"), *arguments], env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Failed(f"stack {arguments[0]}: {done.stdout.strip()}")

    def base(self):
        self.tool("base", self.folder)
        self.journal = Journal(os.path.join(self.folder, "log", "journal"))
        said = subprocess.run(["bash", "-c", '. "$1/env" && env -0', "bash", self.folder],
                              env=self.env, stdout=subprocess.PIPE, text=True, check=True).stdout
        kept = {name: self.env[name] for name in self.env if name.startswith("QUADRILLE_")}
        self.env.update({
            name: value
            for name, _, value in (line.partition("=") for line in said.split("\0"))
            if name.startswith("QUADRILLE_")
        })
        self.env.update(kept)
        self.began("broker")
        self.began("postgres")
        process = f"/proc/{self.processes['postgres'].pid}"
        with open(f"{process}/cmdline", "rb") as file:
            self.postgres_command = [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
        self.postgres_command[0] = os.readlink(f"{process}/exe") # it need not be in PATH
        self.postgres_user = os.stat(f"/proc/{self.processes['postgres'].pid}").st_uid

    def began(self, name):
        with open(os.path.join(self.folder, "pid", name)) as file:
            self.processes[name] = Process(int(file.read()))

    def start(self, name, *options):
        with self.lock:
            self.tool("start", self.folder, name, *options)
            self.began(name)

    def ready(self, name):
        wait_for(f"partitions of {name}", lambda: "partitions assigned" in self.log_of(name))

    def log_of(self, name):
        with open(os.path.join(self.folder, "log", name + ".log"), errors="replace") as file:
            return file.read()

    def kill(self, name):
        with self.lock:
            process = self.processes.pop(name)
            process.signal(signal.SIGKILL)
        self.gone(name, process)

    def gone(self, name, process):
        process.ended(name)
        os.remove(os.path.join(self.folder, "pid", name))

    def stop(self, *names):
        """SIGTERM; whoever has not ended within our patience is a finding."""
        with self.lock:
            processes = {name: self.processes.pop(name) for name in names if name in self.processes}
            for process in processes.values():
                process.signal(signal.SIGTERM)
        for name, process in processes.items():
            try:
                process.ended(name)
            except Failed as failure:
                self.find(f"{failure}, though it was sent SIGTERM")
                process.signal(signal.SIGKILL)
                process.ended(name)
            self.gone(name, process)

    def down(self):
        for process in list(self.processes.values()):
            process.signal(signal.SIGCONT)
        self.tool("down", self.folder)

    # ---- what is looked at ----

    def find(self, text):
        self.findings.append(text)
        self.journal.say("FOUND  " + text)

    def watch(self):
        """A service that has ended though nobody ended it is a finding, told once."""
        with self.lock:
            ended = [
                name for name, process in self.processes.items()
                if not process.alive() and process not in self.reported
            ]
            self.reported.update(self.processes[name] for name in ended)
        for name in ended:
            self.find(f"{name} has ended by itself: {self.last_line(name)}")
        return ended

    def last_line(self, name):
        lines = self.log_of(name).strip().splitlines()
        return lines[-1][:400] if lines else "without a word"

    def run(self, *arguments, **options):
        return subprocess.run(arguments, env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace", **options)

    def libpq(self, database):
        at = urllib.parse.urlsplit(self.env[f"QUADRILLE_{database.upper()}_DATABASE"])
        return dict(self.env, PGHOST=at.hostname, PGPORT=str(at.port), PGUSER=at.username,
                    PGPASSWORD=at.password, PGDATABASE=at.path[1:])

    def ask(self, database, sql):
        """Rows, each a list of texts; None when the database cannot be asked now."""
        try:
            done = subprocess.run(
                ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql],
                env=self.libpq(database), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            return None
        return [line.split("\t")
                for line in done.stdout.splitlines()] if done.returncode == 0 else None

    def must_ask(self, database, sql):
        return wait_for(f"an answer of {database}'s database to {sql}", lambda:
                        (rows := self.ask(database, sql)) is not None and [rows])[0]

    # ---- PostgreSQL and Kafka ----

    def end(self, name, number):
        """PostgreSQL, or the broker."""
        with self.lock:
            process = self.processes.pop(name)
            process.signal(number)
        self.gone(name, process)

    def postgres_start(self):
        """By the same command, as the same user, under the same file of its process id."""
        script = 'cd /; "$@" >> "$LOG" 2>&1 < /dev/null & echo $! > "$PID"'
        step_down = [
            "setpriv", f"--reuid={self.postgres_user}",
            f"--regid={os.stat(self.postgres_data()).st_gid}", "--clear-groups"
        ] if os.getuid() == 0 else []
        environment = dict(self.env, LOG=os.path.join(self.folder, "log", "postgres.log"),
                           PID=os.path.join(self.folder, "pid", "postgres"), HOME="/tmp")
        subprocess.run(["bash", "-c", script, "bash", *step_down, *self.postgres_command],
                       env=environment, check=True)
        self.began("postgres")
        wait_for("PostgreSQL to be ready", lambda: self.ask("order", "SELECT 1") is not None)

    def postgres_data(self):
        return self.postgres_command[self.postgres_command.index("-D") + 1]

    def kafka_start(self):
        for attempt in range(5):
            try:
                self.tool("broker", self.folder)
                break
            except Failed as failure:
                if attempt == 4:
                    raise
                self.journal.say(f"Kafka did not start, once more: {failure}")
                if os.path.exists(os.path.join(self.folder, "pid", "broker")):
                    self.began("broker")
                    self.end("broker", signal.SIGKILL)
        self.began("broker")
