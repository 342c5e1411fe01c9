#!/usr/bin/env python3
"""A payment provider for tests: as much of Stripe's API as the payment service uses, with what no
other server for tests has: idempotency as Stripe's, a ledger, and faults on demand.

usage: provider.py serve FOLDER [--chaos SEED]   until FOLDER is gone; its port is in FOLDER/port
       provider.py query FOLDER SQL              the first column of the first row of the ledger
       provider.py fault FOLDER none|hang|down|blind   what every request meets from here on; blind:
                                                       what only looks, down, and no other
       provider.py forget FOLDER                 forgets all keys, as after a day; a search finds
                                                 what was there until then

Ledger: intent(id, order_id, amount, currency, method, status, error), charge(intent, order_id,
amount), refund(intent, order_id, amount), request(key, path, status, replayed).  A row of charge is
money that was taken; nothing here keeps an order from being charged twice but what Stripe has.

Faults by payment method, at the confirmation unless said otherwise, the first time unless said:
  pm_card_chargeDeclined, pm_card_chargeDeclinedInsufficientFunds, pm_card_authenticationRequired
                     always a 402
  pm_card_missing    a 400 at the creation, always
  pm_hang            neither charges nor answers, always
  pm_hang_charged    charges, and does not answer
  pm_reset_before    cuts the connection and does not charge
  pm_reset_after     charges, and cuts the connection
  pm_sticky_500      a 500 that is kept for its key
  pm_429             429 with Retry-After: 1
  pm_lands_late      cuts the connection; the charge lands two seconds later, and cannot be
                     cancelled meanwhile
  pm_processing      says processing; the charge lands two seconds later
  pm_processing_fails
                     the same, and is declined then
  pm_requires_action says requires_action, always
  pm_poison          a 400 that leaves everything as it was, always
  pm_hold            503 until FOLDER/open is there
  pm_gateway_create, pm_gateway_confirm, pm_gateway_refund
                     a 404 in HTML, at the creation, the confirmation, the refund
  pm_create_version  a 400 at the creation, about the version
  pm_create_reset    creates, and cuts the connection
  pm_create_500      a 500 at the creation that is kept for its key
  pm_refund_refused  a 400 at the refund, until FOLDER/repaired is there
  pm_refund_reset    refunds, and cuts the connection
With --chaos any request may meet any of these faults, whatever its method."""
import hashlib
import json
import os
import random
import socket
import sqlite3
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY_S = 24 * 3600
LANDS_S = 2
DECLINES = {
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_authenticationRequired": ("authentication_required", "authentication_required"),
}
CHAOS = ["hang", "reset_before", "reset_after", "slow", "sticky_500", "429"]


class Reset(Exception):
    """The connection is cut."""


class Hang(Exception):
    """No answer ever comes."""


def error(kind, code, message, intent=None, **more):
    body = {"error": {"type": kind, "code": code, "message": message, **more}}
    if intent:
        body["error"]["payment_intent"] = intent
    return body


def fault_is_ahead(answer):
    """It was refused before anything began, so that it is not kept for the key."""
    return isinstance(answer[1], str) or "API version" in json.dumps(answer[1])


class Provider:
    def __init__(self, folder, seed):
        self.lock = threading.RLock()
        self.keys = {}  # by key: [hash of the request, answer or None while it is under way, time]
        self.searched = 0  # the last row of intent that a search finds
        self.seen = set()  # faults of methods that were met
        self.chaos = random.Random(seed) if seed is not None else None
        self.folder = folder
        self.db = sqlite3.connect(f"{folder}/ledger", check_same_thread=False,
                                  isolation_level=None)
        self.db.executescript("""
            PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
            CREATE TABLE intent (id TEXT PRIMARY KEY, order_id TEXT, amount INTEGER, currency TEXT,
                                 method TEXT, status TEXT, error TEXT);
            CREATE TABLE charge (intent TEXT, order_id TEXT, amount INTEGER);
            CREATE TABLE refund (intent TEXT, order_id TEXT, amount INTEGER);
            CREATE TABLE request (key TEXT, path TEXT, status INTEGER, replayed INTEGER);""")

    def fault(self):
        try:
            with open(f"{self.folder}/fault", encoding="ascii") as file:
                return file.read()
        except FileNotFoundError:
            return "none"

    def first(self, name, thing):
        with self.lock:
            if (name, thing) in self.seen:
                return False
            self.seen.add((name, thing))
            return True

    # ---- what there is ----

    def intent(self, name):
        with self.lock:
            row = self.db.execute("SELECT id, order_id, amount, currency, method, status, error "
                                  "FROM intent WHERE id = ?", [name]).fetchone()
        if not row:
            return None
        body = dict(zip(("id", "order_id", "amount", "currency", "method", "status", "error"), row))
        body.update(object="payment_intent", metadata={"order_id": body.pop("order_id")},
                    payment_method=body.pop("method"))
        code = body.pop("error")
        body["last_payment_error"] = code and {"type": "card_error", "code": "card_declined",
                                               "decline_code": code}
        return body

    def move(self, name, status, why=None):
        self.db.execute("UPDATE intent SET status = ?, error = ? WHERE id = ?", [status, why, name])

    def take(self, intent):
        with self.lock:
            self.db.execute("INSERT INTO charge VALUES (?, ?, ?)",
                            [intent["id"], intent["metadata"]["order_id"], intent["amount"]])
            self.move(intent["id"], "succeeded")

    # ---- requests, each as (status, body) ----

    def create(self, form):
        method = form.get("payment_method", "")
        if method == "pm_card_missing":
            return 400, error("invalid_request_error", "resource_missing",
                              f"No such PaymentMethod: '{method}'")
        if not form.get("amount", "").isdigit() or len(form.get("currency", "")) != 3 or \
                form["currency"].lower() != form["currency"]:
            return 400, error("invalid_request_error", "parameter_invalid_integer", "Invalid form")
        name = "pi_" + hashlib.sha256(os.urandom(16)).hexdigest()[:24]
        self.db.execute("INSERT INTO intent VALUES (?, ?, ?, ?, ?, ?, NULL)",
                        [name, form.get("metadata[order_id]"), int(form["amount"]),
                         form["currency"], method, "requires_confirmation"])
        return 200, self.intent(name)

    def confirm(self, intent, form):
        method = form.get("payment_method", intent["payment_method"])
        if intent["status"] not in ("requires_confirmation", "requires_payment_method"):
            return 400, error("invalid_request_error", "payment_intent_unexpected_state",
                              f"This PaymentIntent's status is {intent['status']}", intent)
        if form.get("off_session") != "true":
            return 400, error("invalid_request_error", "parameter_missing", "off_session")
        if method in DECLINES:
            code, decline = DECLINES[method]
            self.move(intent["id"], "requires_payment_method", decline)
            return 402, error("card_error", code, "Your card was declined.",
                              self.intent(intent["id"]), decline_code=decline)
        if method == "pm_poison":
            return 400, error("invalid_request_error", "payment_method_invalid_parameter",
                              "It cannot be charged", intent)
        if method == "pm_requires_action":
            self.move(intent["id"], "requires_action")
            return 200, self.intent(intent["id"])
        if method in ("pm_processing", "pm_processing_fails"):
            self.move(intent["id"], "processing")
            threading.Timer(LANDS_S, self.land, [intent["id"]]).start()
            return 200, self.intent(intent["id"])
        self.take(intent)
        return 200, self.intent(intent["id"])

    def cancel(self, intent):
        if intent["status"] in ("succeeded", "canceled", "processing"):
            return 400, error("invalid_request_error", "payment_intent_unexpected_state",
                              f"This PaymentIntent's status is {intent['status']}", intent)
        self.move(intent["id"], "canceled")
        return 200, self.intent(intent["id"])

    def refund(self, form):
        intent = self.intent(form.get("payment_intent"))
        if not intent or intent["status"] != "succeeded":
            return 400, error("invalid_request_error", "payment_intent_unexpected_state",
                              "Nothing is charged")
        if intent["payment_method"] == "pm_refund_refused" and \
                not os.path.exists(f"{self.folder}/repaired"):
            return 400, error("invalid_request_error", "charge_disputed", "It is disputed.")
        if self.db.execute("SELECT 1 FROM refund WHERE intent = ?", [intent["id"]]).fetchone():
            return 400, error("invalid_request_error", "charge_already_refunded", "Refunded before")
        self.db.execute("INSERT INTO refund VALUES (?, ?, ?)",
                        [intent["id"], intent["metadata"]["order_id"], intent["amount"]])
        return 200, {"id": "re_" + intent["id"][3:], "object": "refund", "status": "succeeded"}

    def search(self, form):
        query = form.get("query", "")
        begin, end = "metadata['order_id']:'", "'"
        if not query.startswith(begin) or not query.endswith(end):
            return 400, error("invalid_request_error", None, f"No such query: {query}")
        names = self.db.execute("SELECT id FROM intent WHERE order_id = ? AND rowid <= ?",
                                [query[len(begin):-len(end)], self.searched]).fetchall()
        return 200, {"object": "search_result", "has_more": False,
                     "data": [self.intent(name) for (name,) in names]}

    def route(self, method, path, form):
        parts = path.strip("/").split("/")
        if parts[:2] == ["v1", "refunds"] and method == "POST":
            return self.refund(form)
        if parts[:2] != ["v1", "payment_intents"]:
            return 404, error("invalid_request_error", None, f"Unrecognized URL {path}")
        if len(parts) == 2 and method == "POST":
            return self.create(form)
        if parts[2:] == ["search"] and method == "GET":
            return self.search(form)
        intent = self.intent(parts[2]) if len(parts) > 2 else None
        if not intent:
            return 404, error("invalid_request_error", "resource_missing", "No such payment_intent")
        if len(parts) == 3 and method == "GET":
            return 200, intent
        if len(parts) == 4 and method == "POST" and parts[3] == "confirm":
            return self.confirm(intent, form)
        if len(parts) == 4 and method == "POST" and parts[3] == "cancel":
            return self.cancel(intent)
        return 404, error("invalid_request_error", None, f"Unrecognized URL {path}")

    # ---- faults ----

    def fault_of(self, method, path, form):
        if self.fault() == "blind" and method == "GET":
            return "down"
        if self.fault() not in ("none", "blind"):
            return self.fault()
        if self.chaos:
            with self.lock:
                return self.chaos.choice(CHAOS) if self.chaos.random() < 0.25 else None
        if method == "GET":
            return None
        parts = path.strip("/").split("/")
        means, thing = form.get("payment_method", ""), form.get("metadata[order_id]")
        if parts[1] == "refunds":
            intent = self.intent(form.get("payment_intent"))
            found = intent and {"pm_refund_reset": "reset_after",
                                "pm_gateway_refund": "gateway"}.get(intent["payment_method"])
            return found if found and self.first("refund", intent["id"]) else None
        if len(parts) == 2:
            found = {"pm_create_reset": "reset_after", "pm_create_500": "sticky_500",
                     "pm_create_version": "version", "pm_gateway_create": "gateway"}.get(means)
        elif parts[3] == "confirm" and means == "pm_hold":
            return None if os.path.exists(f"{self.folder}/open") else "down"
        elif parts[3] == "confirm":
            thing = parts[2]
            found = {"pm_hang": "hang", "pm_hang_charged": "hang_after",
                     "pm_reset_before": "reset_before", "pm_reset_after": "reset_after",
                     "pm_sticky_500": "sticky_500", "pm_429": "429",
                     "pm_lands_late": "lands_late", "pm_gateway_confirm": "gateway"}.get(means)
        else:
            return None
        return found if found and (found == "hang" or self.first(means, thing)) else None

    def land(self, name):
        with self.lock:
            intent = self.intent(name)
            if intent["status"] == "processing" and \
                    intent["payment_method"] == "pm_processing_fails":
                self.move(name, "requires_payment_method", "generic_decline")
            elif intent["status"] == "processing":
                self.take(intent)

    def handle(self, method, path, form):
        """What comes of the request: (status, body), or Reset or Hang once it is done."""
        fault = self.fault_of(method, path, form)
        if fault == "down":
            return 503, error("api_error", None, "Down")
        if fault == "gateway":
            return 404, "<html>Not found</html>"
        if fault == "version":
            return 400, error("invalid_request_error", None, "Invalid Stripe API version: 2024")
        if fault == "hang":
            raise Hang
        if fault == "reset_before":
            raise Reset
        if fault == "429":
            return 429, error("invalid_request_error", "rate_limit", "Too many requests")
        if fault == "slow":
            time.sleep(0.3)
        if fault == "sticky_500" and method == "POST":
            return 500, error("api_error", None, "Sorry")
        with self.lock:
            if fault == "lands_late":
                name = path.strip("/").split("/")[2]
                self.move(name, "processing")
                threading.Timer(LANDS_S, self.land, [name]).start()
                raise Reset
            answer = self.route(method, path, form)
        if fault in ("reset_after", "hang_after"):
            raise (Reset if fault == "reset_after" else Hang)(answer)
        return answer

    def answer(self, method, path, form, key, body):
        """(status, body, replayed), by the key where there is one."""
        with self.lock:
            if os.path.exists(f"{self.folder}/forget"):
                os.unlink(f"{self.folder}/forget")
                self.keys.clear()
                self.searched = self.db.execute("SELECT max(rowid) FROM intent").fetchone()[0]
        if method != "POST":
            return *self.handle(method, path, form), False
        if path.endswith("/cancel"):
            return *self.handle(method, path, form), False
        if not key:
            return 400, error("invalid_request_error", None, "No Idempotency-Key"), False
        digest = hashlib.sha256(f"{path}\n".encode() + body).hexdigest()
        with self.lock:
            kept = self.keys.get(key)
            if kept and kept[2] + KEY_S > time.time():
                if kept[0] != digest:
                    return 400, error("idempotency_error", None,
                                      f"Keys for idempotent requests can only be used with the "
                                      f"same parameters they were first used with: {key}"), False
                if kept[1] is None:
                    return 409, error("invalid_request_error", "idempotency_key_in_use",
                                      "Another request is under way"), False
                return *kept[1], True
            self.keys[key] = [digest, None, time.time()]
        keeps = None
        try:
            keeps = self.handle(method, path, form)
        except (Reset, Hang) as cut:
            keeps = cut.args[0] if cut.args else None
            raise
        finally:
            with self.lock:
                if keeps is None or fault_is_ahead(keeps) or keeps[0] in (409, 429, 503):
                    self.keys.pop(key, None)
                elif key in self.keys:
                    self.keys[key][1] = keeps
        return *keeps, False

    def note(self, key, path, status, replayed):
        with self.lock:
            self.db.execute("INSERT INTO request VALUES (?, ?, ?, ?)",
                            [key, path, status, int(replayed)])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    provider = None

    def log_message(self, *_):
        pass

    def serve(self):
        provider = self.provider
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        form = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
        path, query = urlsplit(self.path)[2:4]
        form = form or {name: values[-1] for name, values in parse_qs(query).items()}
        key = self.headers.get("Idempotency-Key")
        try:
            if not (self.headers.get("Authorization") or "").startswith("Bearer sk_test_") or \
                    self.headers["Authorization"].endswith("_bad"):
                status, said, replayed = 401, error("invalid_request_error", None,
                                                    "Invalid API Key provided"), False
            elif not self.headers.get("Stripe-Version"):
                status, said, replayed = 400, error("invalid_request_error", None,
                                                    "No version"), False
            else:
                status, said, replayed = provider.answer(self.command, path, form, key, body)
        except Reset:
            provider.note(key, path, 0, False)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        except Hang:
            provider.note(key, path, 0, False)
            self.connection.recv(1)  # until who asked gives up
            self.close_connection = True
            return
        provider.note(key, path, status, replayed)
        text = (said if isinstance(said, str) else json.dumps(said)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if replayed:
            self.send_header("Idempotent-Replayed", "true")
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = serve


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        if not isinstance(sys.exc_info()[1], (ConnectionError, OSError, ValueError)):
            super().handle_error(*_)


def serve(folder, seed):
    os.makedirs(folder, exist_ok=True)
    Handler.provider = Provider(folder, seed)
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(f"{folder}/port.new", "w", encoding="ascii") as file:
        file.write(str(server.server_address[1]))
    os.rename(f"{folder}/port.new", f"{folder}/port")
    while os.path.exists(f"{folder}/port"):
        time.sleep(0.5)


def query(folder, sql):
    row = sqlite3.connect(f"{folder}/ledger", timeout=30).execute(sql).fetchone()
    print(row[0] if row else "")


def main(arguments):
    if arguments[:1] == ["serve"] and len(arguments) == 2:
        serve(arguments[1], None)
    elif arguments[:1] == ["serve"] and len(arguments) == 4 and arguments[2] == "--chaos":
        serve(arguments[1], int(arguments[3]))
    elif arguments[:1] == ["query"] and len(arguments) == 3:
        query(*arguments[1:])
    elif arguments[:1] == ["fault"] and len(arguments) == 3:
        with open(f"{arguments[1]}/fault.new", "w", encoding="ascii") as file:
            file.write(arguments[2])
        os.rename(f"{arguments[1]}/fault.new", f"{arguments[1]}/fault")
    elif arguments[:1] == ["forget"] and len(arguments) == 2:
        with open(f"{arguments[1]}/forget", "w", encoding="ascii"):
            pass
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
