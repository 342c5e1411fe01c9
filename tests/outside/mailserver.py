#!/usr/bin/python3
"""A mail server of the tests' own, with faults.

usage: mailserver.py serve FOLDER PID [--tls CERTIFICATE KEY] [--login USER PASSWORD]
       mailserver.py show FOLDER ORDER

serve listens on a free port of 127.0.0.1, writes it to FOLDER/port, and ends when the process PID
has.  What it takes goes to FOLDER/mail, a file each, as it came.  With --tls it offers STARTTLS and
takes no mail without; with --login none without AUTH PLAIN.  The recipient's name, up to a +,
says what it does:

    later     451 twice, then it is taken
    refused   550 with a text
    dropped   the connection ends in the middle of the text, once
    taken     it is taken, and the connection ends instead of the answer, once
    held      the answer comes once FOLDER/release is there
    any other it is taken

While FOLDER/blocked is there no sender is taken.

show prints what the mails of the order say, as Python's email package reads them.
"""
import base64
import email
import email.policy
import os
import socket
import ssl
import sys
import threading
import time

lock = threading.Lock()
seen = {}


def times(recipient):
    with lock:
        seen[recipient] = seen.get(recipient, 0) + 1
        return seen[recipient]


class Gone(Exception):
    pass


class Session:
    def __init__(self, connection, folder, tls, login):
        self.connection, self.folder, self.tls, self.login = connection, folder, tls, login
        self.buffer, self.secure, self.known = b'', False, False
        self.sender = self.recipient = None

    def line(self):
        while b'\r\n' not in self.buffer:
            more = self.connection.recv(65536)
            if not more:
                raise Gone
            self.buffer += more
        line, self.buffer = self.buffer.split(b'\r\n', 1)
        return line

    def say(self, text):
        self.connection.sendall(text.encode() + b'\r\n')

    def hello(self):
        offers = ['localhost', '8BITMIME', 'SIZE 1000000']
        if self.tls and not self.secure:
            offers.append('STARTTLS')
        if self.login:
            offers.append('AUTH PLAIN')
        for offer in offers[:-1]:
            self.say('250-' + offer)
        self.say('250 ' + offers[-1])

    def authenticate(self, argument):
        if argument.upper() == 'PLAIN':
            self.say('334 ')
            argument = 'PLAIN ' + self.line().decode()
        _, user, password = base64.b64decode(argument.split(' ', 1)[1]).decode().split('\0')
        self.known = [user, password] == self.login
        self.say('235 welcome' if self.known else '535 5.7.8 who are you')

    def text(self, what):
        lines = []
        while True:
            line = self.line()
            if line == b'.':
                return b'\r\n'.join(lines) + b'\r\n'
            lines.append(line[1:] if line.startswith(b'.') else line)
            if what == 'dropped' and len(lines) == 5 and times('drop ' + self.recipient) == 1:
                raise Gone

    def keep(self, text):
        with lock:
            number = seen['mails'] = seen.get('mails', 0) + 1
        path = os.path.join(self.folder, 'mail', f'{number:05}')
        with open(path + '.part', 'wb') as file:
            file.write(f'X-Envelope: {self.sender} {self.recipient}\r\n'.encode() + text)
        os.rename(path + '.part', path)

    def data(self):
        what = self.recipient.split('@')[0].split('+')[0]
        self.say('354 go on')
        text = self.text(what)
        self.keep(text)
        if what == 'taken' and times('take ' + self.recipient) == 1:
            raise Gone
        while what == 'held' and not os.path.exists(os.path.join(self.folder, 'release')):
            time.sleep(0.02)
        self.say('250 2.0.0 it is here')

    def command(self, line):
        verb = line.split(' ', 1)[0].upper()
        argument = line.split(' ', 1)[1] if ' ' in line else ''
        if verb == 'EHLO':
            self.hello()
        elif verb == 'STARTTLS':
            self.say('220 go on')
            self.connection = self.tls.wrap_socket(self.connection, server_side=True)
            self.secure, self.buffer = True, b''
        elif verb == 'AUTH':
            self.authenticate(argument)
        elif verb == 'MAIL' and ((self.tls and not self.secure) or (self.login and not self.known)):
            self.say('530 5.7.0 not to a stranger')
        elif verb == 'MAIL' and os.path.exists(os.path.join(self.folder, 'blocked')):
            self.say('550 5.7.1 not from you')
        elif verb == 'MAIL':
            self.sender = argument[argument.index('<') + 1:argument.index('>')]
            self.say('250 2.1.0 yes')
        elif verb == 'RCPT':
            self.recipient = argument[argument.index('<') + 1:argument.index('>')]
            what = self.recipient.split('@')[0].split('+')[0]
            if what == 'refused':
                self.say('550-5.1.1 no such user:')
                self.say('550 5.1.1 \x1b[1mnobody\x1b[0m of that name')
            elif what == 'later' and times('later ' + self.recipient) <= 2:
                self.say('451 4.3.0 not now')
            else:
                self.say('250 2.1.5 yes')
        elif verb == 'DATA':
            self.data()
        elif verb in ('RSET', 'NOOP'):
            self.say('250 2.0.0 yes')
        elif verb == 'QUIT':
            self.say('221 2.0.0 goodbye')
            raise Gone
        else:
            self.say('502 5.5.2 what')

    def run(self):
        try:
            self.say('220 localhost ready')
            while True:
                self.command(self.line().decode())
        except (Gone, OSError):
            pass
        finally:
            self.connection.close()


def serve(folder, pid, arguments):
    tls = login = None
    if '--tls' in arguments:
        at = arguments.index('--tls')
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(arguments[at + 1], arguments[at + 2])
    if '--login' in arguments:
        at = arguments.index('--login')
        login = arguments[at + 1:at + 3]
    os.makedirs(os.path.join(folder, 'mail'), exist_ok=True)
    listener = socket.create_server(('127.0.0.1', 0))
    with open(os.path.join(folder, 'port.part'), 'w', encoding='ascii') as file:
        print(listener.getsockname()[1], file=file)
    os.rename(os.path.join(folder, 'port.part'), os.path.join(folder, 'port'))

    def accept():
        while True:
            connection, _ = listener.accept()
            session = Session(connection, folder, tls, login)
            threading.Thread(target=session.run, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    while os.path.exists(f'/proc/{pid}'):
        time.sleep(0.2)


def show(folder, order):
    ids = []
    names = sorted(os.listdir(os.path.join(folder, 'mail')))
    for name in names:
        if name.endswith('.part'):
            continue
        with open(os.path.join(folder, 'mail', name), 'rb') as file:
            mail = email.message_from_binary_file(file, policy=email.policy.default)
        if mail['X-Order-ID'] != order:
            continue
        ids.append(mail['Message-ID'])
        print('envelope', mail['X-Envelope'])
        print('from', mail['From'])
        for address in mail['To'].addresses:
            print('to', repr(address.display_name), address.addr_spec)
        print('subject', mail['Subject'])
        print('headers', len(mail.keys()))
        print('defects', len(mail.defects) + sum(len(part.defects) for part in mail.walk()) +
              sum(len(mail[key].defects) for key in mail.keys()))
        for part in mail.walk():
            if not part.is_multipart():
                print('part', part.get_content_type())
                print(part.get_content())
    print(f'{len(ids)} mails, {len(set(ids))} ids')


if __name__ == '__main__':
    if len(sys.argv) >= 4 and sys.argv[1] == 'serve':
        serve(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    elif len(sys.argv) == 4 and sys.argv[1] == 'show':
        show(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)
