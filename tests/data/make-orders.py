#!/usr/bin/env python3
"""Makes orders.ndjson.xz from the published data set (see README.md): order.place bodies, one a
line.

usage: make-orders.py ONLINE-RETAIL.ndjson.xz orders.ndjson.xz
"""
import hashlib
import json
import lzma
import sys

FIRST = (
    'Ada Alan Amal Barbara Bjarne Brian Carol Dennis Donald Edsger Frances Grace Guido Hedy Ida '
    'Joan John Karen Ken '
    'Leslie Linus Margaret Mary Niklaus Radia Robin Shafi Sofia Tony Whitfield').split()
LAST = (
    'Abbott Baker Carter Dawson Ellis Fisher Garner Hayes Irving Jarvis Keller Lawson Mercer Nolan '
    'Osborne Porter '
    'Quinn Reeves Sawyer Turner Upton Vaughn Walker Young').split()
CARDS = ['pm_card_visa', 'pm_card_mastercard', 'pm_card_amex']


def pick(what, choices):
    """The same choice for the same thing, whenever and wherever this runs."""
    return choices[int.from_bytes(hashlib.sha256(what.encode()).digest()[:8], 'big') % len(choices)]


def place(order):
    who = order['customer_id'] or order['order_key']
    name = f"{pick('first' + who, FIRST)} {pick('last' + who, LAST)}"
    mail = f"c{who}@example.com" if order['customer_id'] else f"guest.{who}@example.com"
    return {'order_id': order['order_key'],
            'customer': {'id': order['customer_id'], 'name': name, 'email': mail},
            'currency': order['currency'],
            'payment_method': pick('card' + who, CARDS),
            'lines': order['lines']}


with lzma.open(sys.argv[1], 'rt', encoding='utf-8') as published, \
        lzma.open(sys.argv[2], 'wt', encoding='utf-8', preset=9 | lzma.PRESET_EXTREME) as made:
    for line in published:
        made.write(
            json.dumps(place(json.loads(line)), separators=(',', ':'), ensure_ascii=False) + '\n')
