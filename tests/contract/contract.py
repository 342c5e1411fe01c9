#!/usr/bin/python3
"""The contract, checked both ways against an independent validator.

schemas/ says what a message may be, events/ reads and writes it, and both come from one table. Here
python3-jsonschema, which shares no code with either, is the judge: documents made from each schema
must be read, what is written must validate, and a document that was spoilt must be refused by both
or by neither.

usage: contract.py CODEC [EMITTED...]

CODEC is the program made from codec.c; each EMITTED is a file of lines "TYPE JSON" that the
services published in other tests.
SEED in the environment chooses other documents (default 1), EXAMPLES how many of each (default 60).
"""
import copy
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import jsonschema
import yaml
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

HERE = pathlib.Path(__file__).parent
SCHEMAS = HERE.parent.parent / 'schemas'
SEED = int(os.environ.get('SEED', 1))
EXAMPLES = int(os.environ.get('EXAMPLES', 60))
INT64 = 2 ** 63

# ---- the validator ----

formats = jsonschema.FormatChecker(formats=())
DATE_TIME = re.compile(
    r'(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-](\d\d):(\d\d))', re.ASCII)


@formats.checks('date-time')
def is_date_time(text):
    """RFC 3339 §5.6, within the years 0 to 9999 of UTC. Written apart from base/timestamp.c."""
    if not isinstance(text, str):
        return True
    found = DATE_TIME.fullmatch(text)
    if not found:
        return False
    year, month, day, hour, minute, second = (int(part) for part in found.group(1, 2, 3, 4, 5, 6))
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if not 1 <= month <= 12 or not 1 <= day <= days[month
                                                    - 1] or hour > 23 or minute > 59 or second > 60:
        return False
    offset = 0
    if found.group(9):
        if int(found.group(9)) > 23 or int(found.group(10)) > 59:
            return False
        offset = (int(found.group(9)) * 60 + int(found.group(10))) * (-1 if found.group(8)[0] == '-'
                                                                      else 1)
    utc = hour * 60 + minute - offset  # minutes into the day, which may be another day
    if second == 60 and utc % 1440 != 1439:
        return False
    if (year, month, day) == (0, 1, 1) and utc < 0:
        return False
    return not ((year, month, day) == (9999, 12, 31) and (utc >= 1440 or
                                                          (utc == 1439 and second == 60)))


def matches(pattern, text):
    """As ECMA 262 has it: $ is the end, which Python's also sees before a last line feed."""
    return re.search(re.sub(r'\$$', r'\\Z', pattern), text) is not None


def check_pattern(validator, pattern, text, schema):
    if validator.is_type(text, 'string') and not matches(pattern, text):
        yield jsonschema.ValidationError(f'{text!r} does not match {pattern!r}')


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator,
                                         {'pattern': check_pattern})


@functools.cache
def load(name):
    return json.loads((SCHEMAS / (name + '.json')).read_text())


NAMES = sorted(path.stem for path in SCHEMAS.glob('*.json'))
VALIDATORS = {name: Validator(load(name), format_checker=formats) for name in NAMES}


def faults(name, document):
    """What the schema has against the document."""
    return [error.message for error in VALIDATORS[name].iter_errors(document)]


# ---- the code ----

class Codec:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        encoding='utf-8')

    def read(self, name, document):
        """("ok", the document as it is written again) or ("wrong" or "broken", the reason)."""
        self.process.stdin.write(f'{name} {json.dumps(document)}\n')
        self.process.stdin.flush()
        result, _, rest = self.process.stdout.readline().rstrip('\n').partition(' ')
        return result, rest

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()


# ---- documents from a schema ----

def within(lengths, text):
    return lengths[0] <= len(text) <= lengths[1]


CHARACTERS = [chr(code) for code in range(0x180)
              ] + list('\u2028\u2029\u202e\ud7ff\ue000\ufffd\uffff\U00010000\U0001f600\U0010ffff')

DOMAINS = [
    'b\u00fccher.example', 'fa\u00df.de', '\u4f8b\u3048.\u30c6\u30b9\u30c8',
    '\u0440\u0444.\u0440\u0444'
]


def texts(schema):
    """Texts that match; most of them short, some exactly as long as is allowed. Our patterns end
    with a repeated class.

    What IDNA 2008 allows of a mail's domain no pattern tells: there are some known ones among those
    in ASCII."""
    pattern, lengths = schema['pattern'], (schema.get('minLength', 0), schema['maxLength'])
    before = '' if matches(pattern, 'a') else 'a@'
    alphabet = [
        c for c in CHARACTERS if matches(pattern, before + c) and (not before or c.isascii())
    ]
    some = st.text(alphabet, min_size=1, max_size=12).map(before.__add__)

    def stretch(text):
        return text[:lengths[1]] + text[-1] * (lengths[1] - len(text))
    known = [st.sampled_from(DOMAINS).map('a@'.__add__)] if before else []
    return st.one_of(some, some, some.map(stretch),
                     *known).filter(lambda text: within(lengths, text))


def times():
    two = lambda least, most: st.integers(least, most).map('{:02d}'.format)
    zone = st.one_of(
        st.sampled_from(['Z', 'z', '+00:00', '-00:00', '+23:59', '-23:59']),
        st.tuples(st.sampled_from('+-'), two(0, 23), two(0,
                                                         59)).map(lambda z: f'{z[0]}{z[1]}:{z[2]}'))
    year = st.one_of(st.sampled_from([0, 1, 1969, 1970, 2000, 2026, 9999]),
                     st.integers(0, 9999)).map('{:04d}'.format)
    fraction = st.one_of(st.just(''), st.integers(0, 10 ** 12).map('.{}'.format))
    return st.tuples(
        year, two(1, 12), two(1, 31), st.sampled_from('Tt'), two(0, 23), two(0,
                                                                             59), two(0,
                                                                                      60), fraction,
        zone).map(lambda t: f'{t[0]}-{t[1]}-{t[2]}{t[3]}{t[4]}:{t[5]}:{t[6]}{t[7]}{t[8]}').filter(
            is_date_time)


def plain_text(most):
    """Any text but for U+0000, which a reader refuses wherever it stands."""
    return st.text(st.characters(blacklist_categories=['Cs'], blacklist_characters='\0'),
                   max_size=most)


def integers(schema):
    least, most = schema['minimum'], schema['maximum']
    return st.one_of(st.integers(least, most), st.sampled_from([least, most]),
                     st.integers(max(least, -9), min(most, 9)))


def documents(schema):
    """Whatever the schema allows, of the keywords that our schemas use; extra fields too, which a
    reader must ignore."""
    if 'enum' in schema:
        found = st.sampled_from(schema['enum'])
    elif schema.get('format') == 'date-time':
        found = times()
    elif 'object' in schema['type']:
        fields = {name: documents(field) for name, field in schema['properties'].items()}
        required = {name: fields[name] for name in schema['required']}
        optional = {name: field for name, field in fields.items() if name not in schema['required']}
        extra = st.dictionaries(st.from_regex('x_[a-z]{1,5}', fullmatch=True),
                                st.one_of(st.integers(-9, 9), plain_text(5), st.none()), max_size=2)
        found = st.tuples(st.fixed_dictionaries(required, optional=optional),
                          extra).map(lambda both: {
                              **both[1],
                              **both[0]
                          })
    elif 'array' in schema['type']:
        found = st.lists(documents(schema['items']), min_size=schema['minItems'], max_size=6)
    elif 'integer' in schema['type']:
        found = integers(schema)
    else:
        found = texts(schema)
    return st.one_of(st.none(), found) if 'null' in schema['type'] else found


@functools.cache
def documents_of(name):
    return documents(load(name))


def amount(document):
    return sum(line['quantity'] * line['unit_price'] for line in document['lines'])


def consistent(name, document):
    """What spans several fields is not in the schema: docs/messages.md says it."""
    if name == 'order.created':
        document['amount'] = amount(document)
    return document


def fits(name, document):
    return name not in ('order.place', 'order.created') or amount(document) < INT64


# ---- spoiling a document ----

def places(document, path=()):
    """The path of every value in it."""
    yield path
    inner = document.items() if isinstance(
        document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in inner:
        yield from places(value, path + (key,))


def put(document, path, value):
    if not path:
        return value
    copied = copy.deepcopy(document)
    at = copied
    for key in path[:-1]:
        at = at[key]
    if value is DROP:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return copied


DROP = object()
ODD = [
    None, True, False, 0, -1, 1, 1.5, 1.0, -0.0, 1e3, 2 ** 53, 2 ** 53 + 1, INT64 - 1, -INT64,
    1000000001, 1000000000001, '', 'a', 'a b', 'GBX', 'x' * 64, 'x' * 65, 'x' * 128, 'x' * 129,
    'x' * 255, 'x' * 256, '\x00', 'a\nb', '\x7f', '\x80', '\ud7ff', '\U0001f600' * 64,
    '\U0001f600' * 65, 'a@b', 'a@', '@b', 'a@b@c', 'a b@c', 'ä@b', 'pay-first', 'confirmed',
    '2026-11-22T20:15:30Z', '2026-02-30T00:00:00Z', [], {}, [{}], [1], {
        'a': 1
    }
]


@st.composite
def spoilt(draw, name):
    document = consistent(name, draw(documents_of(name)))
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(list(places(document))))
        choices = ODD + ([DROP] if path and isinstance(path[-1], str) else [])
        value = draw(
            st.one_of(st.sampled_from(choices), plain_text(3), st.integers(-INT64, INT64 - 1)))
        document = put(document, path, value)
        if not isinstance(document, dict):
            break
    return document


def beyond_schema(reason):
    """Refused for what no schema can say; docs/messages.md does."""
    return 'lines sum up to' in reason or 'U+0000' in reason or 'IDNA 2008' in reason


# A document that fails is shown as it was made: making it smaller can take longer than all the
# rest.
chosen = settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))


class Contract(unittest.TestCase):
    codec = None
    logs = ()

    def each(self, check):
        for name in NAMES:
            with self.subTest(name):
                check(name)

    def test_schemas_are_schemas(self):
        self.each(lambda name: jsonschema.Draft202012Validator.check_schema(load(name)))

    def test_examples_validate_and_are_read(self):
        def check(name):
            for example in load(name)['examples']:
                self.assertEqual(faults(name, example), [])
                self.assertEqual(self.codec.read(name, example),
                                 ('ok', json.dumps(example, separators=(',', ':'))))
        self.each(check)

    def test_what_a_schema_allows_is_read_and_written_as_it_allows(self):
        def check(name):
            @seed(SEED)
            @chosen
            @given(documents_of(name))
            def run(document):
                document = consistent(name, document)
                assume(fits(name, document))
                self.assertEqual(faults(name, document), [])
                result, written = self.codec.read(name, document)
                self.assertEqual(result, 'ok', (document, written))
                self.assertEqual(faults(name, json.loads(written)), [])
                for field, value in json.loads(written).items():  # nothing is made up
                    if field not in ('deadline', 'customer', 'lines'):
                        self.assertEqual(value, document[field])
            run()
        self.each(check)

    def test_what_is_spoilt_is_refused_by_both_or_by_neither(self):
        refused = 0

        def check(name):
            @seed(SEED)
            @chosen
            @given(spoilt(name))
            def run(document):
                nonlocal refused
                result, rest = self.codec.read(name, document)
                self.assertNotEqual(result, 'broken', (document, rest))
                wrong = faults(name, document)
                refused += result == 'wrong' and bool(wrong)
                if result == 'ok':
                    self.assertEqual(wrong, [], document)
                elif not beyond_schema(rest):
                    self.assertNotEqual(wrong, [], (document, rest))
            run()
        self.each(check)
        self.assertGreater(refused,
                           len(NAMES) * EXAMPLES // 4, 'too few documents were really spoilt')

    def test_what_the_services_emitted_validates(self):
        for path in self.logs:
            with self.subTest(path):
                lines = pathlib.Path(path).read_text().splitlines()
                self.assertGreater(len(lines), 20)
                for line in lines:
                    name, _, document = line.partition(' ')
                    self.assertEqual(faults(name, json.loads(document)), [], line)

    def test_every_message_of_earlier_versions_is_still_read(self):
        for path in sorted((HERE / 'history').glob('*.ndjson')):
            seen = set()
            for line in path.read_text().splitlines():
                message = json.loads(line)
                seen.add(message['type'])
                result, rest = self.codec.read(message['type'], message['value'])
                self.assertEqual(result, 'ok', (path.name, message, rest))
            self.assertEqual(seen - set(NAMES), set(), path.name)
            self.assertGreaterEqual(len(seen), 20, path.name)

    def test_asyncapi_is_asyncapi(self):
        document = yaml.safe_load((SCHEMAS / 'asyncapi.yaml').read_text())
        schema = asyncapi_schema()
        errors = [
            f'{list(error.absolute_path)}: {error.message[:200]}'
            for error in jsonschema.Draft7Validator(schema).iter_errors(document)
        ]
        self.assertEqual(errors, [])
        spoilt_document = {**document, 'operations': {'x': {'action': 'shout'}}}
        self.assertFalse(
            jsonschema.Draft7Validator(schema).is_valid(spoilt_document),
            'the schema refuses nothing')

    def test_asyncapi_names_every_message_and_every_reference_exists(self):
        document = yaml.safe_load((SCHEMAS / 'asyncapi.yaml').read_text())
        names = {message['name'] for message in document['components']['messages'].values()}
        self.assertEqual(names, set(NAMES))
        for reference in references(document):
            at = document
            if reference.startswith('#/'):
                for key in reference[2:].split('/'):
                    at = at[key]
            else:
                self.assertTrue((SCHEMAS / reference).is_file(), reference)


def asyncapi_schema():
    """The published schema. python3-jsonschema 4.10 takes a property that is called "$id" for the
    id of the schema it stands in, so what "$id" may be is not looked at."""
    def clean(at):
        if isinstance(at, dict):
            return {
                key: clean(value)
                for key, value in at.items()
                if not (key == '$id' and isinstance(value, dict))
            }
        return [clean(value) for value in at] if isinstance(at, list) else at
    return clean(json.loads((HERE / 'asyncapi' / '3.0.0.json').read_text()))


def references(document):
    if isinstance(document, dict):
        for key, value in document.items():
            if key == '$ref':
                yield value
            yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        print(__doc__)
        return 0 if len(sys.argv) > 1 else 2
    Contract.codec = Codec(sys.argv[1])
    Contract.logs = sys.argv[2:]
    print(
        f'contract: {len(NAMES)} schemas, {EXAMPLES} documents of each, seed {SEED}, '
        f'{len(Contract.logs)} logs'
    )
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    if Contract.codec.close() != 0:
        print('contract: the codec ended badly')
        return 1
    return 0 if result.wasSuccessful() else 1


if __name__ == '__main__':
    sys.exit(main())
