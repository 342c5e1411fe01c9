#!/usr/bin/python3
"""compose.yaml without containers: checked against the published schema, then its own commands,
environments, settings of Kafka, database script and health checks are run here, each service by the
program that the image would hold.

usage: compose.py BUILD      BUILD/bin has the programs; everything is below BUILD/tests/compose,
                             and stopped in the end

What stands for what: names of other containers become ports of 127.0.0.1, /tmp and the volumes
become folders, and Kafka's
shell scripts become brokers/apache/kafka tool.  Nothing else of the file is changed.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import jsonschema
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = os.path.join(ROOT, "tests/container/schema/compose-spec.json")
KAFKA = os.path.join(ROOT, "brokers/apache/kafka")
STACK = os.path.join(ROOT, "tools/stack/stack")
FREE_PORTS = os.path.join(ROOT, "tools/stack/free-ports")
sys.path.append(os.path.join(ROOT, "tests"))

from services import catalog_of_build

SERVICES = [entry["service"] for entry in catalog_of_build()]
PATIENCE_S = 90


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def eventually(what, condition):
    until = time.monotonic() + PATIENCE_S
    while not condition():
        check(time.monotonic() < until, f"never came: {what}")
        time.sleep(0.1)


class Unset(Exception):
    pass


def interpolate(value, variables):
    """${NAME:-default} and ${NAME:?why} as Compose does it."""
    def replace(match):
        if variables.get(match[1]):
            return variables[match[1]]
        if match[2] == "?":
            raise Unset(f"{match[1]} {match[3]}")
        return match[3]

    if isinstance(value, dict):
        return {key: interpolate(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, variables) for item in value]
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+):([-?])([^}]*)\}", replace, value)
    return value


def make_passwords(stage):
    """By the script that the file names, in a copy of its folder: they are random, kept, and for
    their owner only."""
    script = os.path.join(stage.folder, "project/tools/container/passwords")
    env = os.path.join(stage.folder, "project/.env")
    os.makedirs(os.path.dirname(script))
    shutil.copy(os.path.join(ROOT, "tools/container/passwords"), script)
    shutil.copy(os.path.join(ROOT, "compose.yaml"), os.path.join(stage.folder, "project"))
    stage.must([script], dict(os.environ))
    text = open(env).read()
    stage.must([script], dict(os.environ))
    check(open(env).read() == text, "passwords that are there are kept")
    check(os.stat(env).st_mode & 0o777 == 0o600, ".env is for its owner only")
    passwords = dict(line.split("=", 1) for line in text.splitlines())
    check(
        len(set(passwords.values())) == len(SERVICES) + 2
        and min(map(len, passwords.values())) >= 32, f"six random passwords: {sorted(passwords)}")
    return passwords


def check_no_password_is_assumed(document, variables):
    """Without one of them Compose says which, and starts nothing."""
    for name in [name for name in variables if name.endswith("_PASSWORD")]:
        try:
            interpolate(document, {
                other: value
                for other, value in variables.items()
                if other != name
            })
        except Unset as error:
            check(name in str(error) and "tools/container/passwords" in str(error),
                  f"the error without {name}: {error}")
        else:
            check(False, f"without {name} something else is taken")
    written = re.findall(r"PASSWORD[^\n]*:-", open(os.path.join(ROOT, "compose.yaml")).read())
    check(not written, f"compose.yaml has a password of its own: {written}")


def validate(document):
    schema = json.load(open(SCHEMA))
    validator = jsonschema.validators.validator_for(schema)(schema)
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    check(not errors, "compose.yaml: " + "; ".join(errors))


def check_what_a_deployment_needs(services):
    """What the schema cannot say."""
    for name in SERVICES:
        service = services[name]
        check(service["restart"] == "unless-stopped" and "stop_grace_period" in service,
              f"{name}: restart policy and grace period")
        check(
            service.get("mem_limit") == "2560m",
            f"{name}: the limit of memory that docs/operations.md says")
        check(service["healthcheck"]["test"][:2] == ["CMD", f"quadrille-{name}"],
              f"{name}: its own health check")
        check(service["depends_on"]["topics"]["condition"] == "service_completed_successfully",
              f"{name}: topics are made first")
    for name, service in services.items():
        check("image" in service and not service["image"].endswith(":latest"),
              f"{name}: a pinned image")
        for port in service.get("ports", []):
            check(port.startswith("127.0.0.1:"), f"{name}: port {port} is open to others")
        for other in service.get("depends_on", {}):
            check(other in services, f"{name} depends on {other}, which is not there")
    check(services["sagactl"]["profiles"] == ["tools"], "sagactl belongs to the profile tools")


class Stage:
    """Translates what belongs to containers, and keeps what is started."""

    def __init__(self, build):
        self.folder = os.path.join(build, "tests", "compose")
        self.bin = os.path.join(build, "bin")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.places = {}
        self.processes = {}

    def translate(self, text):
        for container, here in self.places.items():
            text = text.replace(container, here)
        return text

    def environment(self, service, extra=None):
        merged = dict(extra or {}, **service.get("environment", {}))
        return dict(os.environ, PATH=self.bin + ":" + os.environ["PATH"], **{
            name: self.translate(str(value))
            for name, value in merged.items()
        })

    def command(self, words):
        if words[0].startswith("/opt/kafka/bin/kafka-"):
            words = [KAFKA, "tool", words[0][len("/opt/kafka/bin/kafka-"):-len(".sh")]] + words[1:]
        return [self.translate(word) for word in words]

    def run(self, words, environment, stdin=None):
        return subprocess.run(self.command(words), env=environment, input=stdin,
                              capture_output=True, text=True, check=False)

    def must(self, words, environment, stdin=None):
        done = self.run(words, environment, stdin)
        check(done.returncode == 0,
              f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, name, words, environment):
        with open(os.path.join(self.folder, name + ".log"), "w") as log:
            self.processes[name] = subprocess.Popen(self.command(words), env=environment,
                                                    stdin=subprocess.DEVNULL, stdout=log,
                                                    stderr=log)

    def stop(self):
        for process in reversed(list(self.processes.values())):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            process.wait()
        subprocess.run([STACK, "down", os.path.join(self.folder, "stack")], check=False)


def start_kafka(stage, service):
    """The settings are those of the file, as Apache Kafka's image reads them: KAFKA_LOG_DIRS is
    log.dirs."""
    inside, outside, controller = subprocess.run([FREE_PORTS, "3"], stdout=subprocess.PIPE,
                                                 text=True, check=True).stdout.split()
    folder = os.path.join(stage.folder, "kafka")
    os.makedirs(folder)
    stage.places = {
        "0.0.0.0:9092": f"127.0.0.1:{inside}",
        "kafka:9092": f"127.0.0.1:{inside}",
        "localhost:9092": f"127.0.0.1:{inside}",
        "0.0.0.0:29092": f"127.0.0.1:{outside}",
        "localhost:29092": f"127.0.0.1:{outside}",
        "0.0.0.0:9093": f"127.0.0.1:{controller}",
        "localhost:9093": f"127.0.0.1:{controller}",
        "/var/lib/kafka/data": os.path.join(folder, "data")
    }
    with open(os.path.join(folder, "server.properties"), "w") as properties:
        for name, value in service["environment"].items():
            properties.write(
                f"{name[len('KAFKA_'):].lower().replace('_', '.')}={stage.translate(value)}\n")
    with open(os.path.join(folder, "address"), "w") as address:
        address.write(f"127.0.0.1:{inside}\n")
    stage.start("kafka.node", [KAFKA, "run", folder], dict(os.environ))
    eventually(
        "Kafka's health check", lambda: stage.run(service["healthcheck"]["test"][1:],
                                                  stage.environment({})).returncode == 0)
    return f"127.0.0.1:{outside}"


def start_postgres(stage, services, outside):
    """A cluster like the image's: one superuser, no database of ours yet."""
    folder = os.path.join(stage.folder, "stack")
    stage.must([STACK, "base", folder], dict(os.environ, BROKERS=outside, BIN=stage.bin))
    url = re.search(r"postgresql://quadrille:(\w+)@127.0.0.1:(\d+)/quadrille_order",
                    open(os.path.join(folder, "env")).read())
    superuser = dict(stage.environment(services["postgres"]), PGHOST="127.0.0.1", PGPORT=url[2],
                     PGPASSWORD=url[1])
    for name in SERVICES + ["provider"]:
        stage.must([
            "psql", "-X", "-q", "-U", "quadrille", "-d", "postgres", "-c",
            f"DROP DATABASE quadrille_{name}"
        ], superuser)
    script = services["postgres"]["volumes"][1].split(":")[0]
    stage.must(["bash", os.path.join(ROOT, script)], superuser)
    stage.places["@postgres:5432/"] = f"@127.0.0.1:{url[2]}/"
    health = services["postgres"]["healthcheck"]["test"][1:]
    stage.must(health + ["-p", url[2]], stage.environment({}))


def check_roles(stage, services):
    """Each role reaches its own database and no other."""
    urls = {
        name: value
        for name, value in services["sagactl"]["environment"].items()
        if name.endswith("_DATABASE")
    }
    for owner, url in urls.items():
        for database in [re.sub(r".*/", "", other)
                         for other in urls.values()] + ["postgres", "template1"]:
            target = re.sub(r"/[^/]*$", "/" + database, url)
            reached = stage.run(["psql", "-X", "-q", "-c", "SELECT 1", target],
                                dict(os.environ)).returncode == 0
            check(reached == url.endswith("/" + database),
                  f"{owner}'s role {'reaches' if reached else 'cannot reach'} {database}")


def dockerfile_environment():
    text = open(os.path.join(ROOT, "tools/container/Dockerfile")).read()
    return dict(re.findall(r"(\w+)=(\S+)", re.search(r"^ENV (.*)$", text, re.M)[1]))


def start_services(stage, services):
    for name in SERVICES:
        folder = os.path.join(stage.folder, name)
        os.makedirs(folder)
        stage.places["/tmp/heartbeat"] = os.path.join(folder, "heartbeat")
        stage.places["/var/mail/quadrille"] = os.path.join(folder, "mail")
        environment = stage.environment(services[name], dockerfile_environment())
        stage.start(name, services[name]["command"], environment)
        check_health(stage, services, name, environment)


def check_health(stage, services, name, environment):
    """Live, stuck, and live again."""
    words = services[name]["healthcheck"]["test"][1:]
    eventually(f"the health of {name}", lambda: stage.run(words, environment).returncode == 0)
    if name != "payment":
        return
    impatient = words + ["--heartbeat-max-age-ms", "1500"]
    stage.processes[name].send_signal(signal.SIGSTOP)
    eventually("a stuck service that is not healthy",
               lambda: stage.run(impatient, environment).returncode == 1)
    stage.processes[name].send_signal(signal.SIGCONT)
    eventually("its recovery", lambda: stage.run(impatient, environment).returncode == 0)


ORDER = {
    "order_id": "in-a-container",
    "customer": {
        "name": "Ada",
        "email": "ada@example.com"
    },
    "currency": "GBP",
    "payment_method": "pm_card_visa",
    "lines": [{
        "sku": "22350",
        "name": "CAT BOWL",
        "quantity": 2,
        "unit_price": 255
    }]
}


def check_an_order(stage, services):
    """As the head of the file says: docker compose run --rm sagactl ..."""
    sagactl = services["sagactl"]["entrypoint"]
    environment = stage.environment(services["sagactl"], dockerfile_environment())
    stage.must(sagactl + ["stock", "set", "22350", "100", "--wait"], environment)
    stage.must(sagactl + ["place", "--wait"], environment, json.dumps(ORDER))
    check("CONFIRMED, and closed" in stage.must(sagactl + ["trace", "in-a-container"], environment),
          "the order is confirmed")
    stage.must(sagactl + ["audit"], environment)
    stage.must(sagactl + ["topics"], environment)


def check_stopping(stage, services):
    """On SIGTERM a service ends by itself, within its grace."""
    for name in SERVICES:
        process = stage.processes.pop(name)
        process.terminate()
        check(
            process.wait(timeout=int(services[name]["stop_grace_period"].rstrip("s"))) == 0,
            f"{name}: exit code {process.returncode}")


def main():
    document = yaml.safe_load(open(os.path.join(ROOT, "compose.yaml")))
    stage = Stage(os.path.abspath(sys.argv[1]))
    try:
        variables = dict(os.environ, **make_passwords(stage))
        check_no_password_is_assumed(document, variables)
        document = interpolate(document, variables)
        services = document["services"]
        validate(document)
        check_what_a_deployment_needs(services)
        outside = start_kafka(stage, services["kafka"])
        stage.must(services["topics"]["command"], stage.environment(services["topics"]))
        start_postgres(stage, services, outside)
        check_roles(
            stage,
            dict(
                services, sagactl={
                    "environment": {
                        n: stage.translate(v)
                        for n, v in services["sagactl"]["environment"].items()
                    }
                }))
        start_services(stage, services)
        check_an_order(stage, services)
        check_stopping(stage, services)
    finally:
        stage.stop()
    print(
        "compose: the file is valid, and what it says works: Kafka's settings, topics, databases "
        "and roles, health checks, an order, stopping"
    )


if len(sys.argv) != 2:
    print(__doc__)
    sys.exit(2)
main()
