-- One row an order. "version" is the fence: whoever writes names the version that was read.
-- "facts" is a set: bit n is the message type with that number (events/message.h), bits from 32 on are the service's own.
-- Every step rewrites the row, so it is small, has room to be rewritten in place, and no index on what steps change.
CREATE TABLE orders (
    order_id   text COLLATE "C" PRIMARY KEY,
    version    bigint NOT NULL,
    state      smallint NOT NULL CHECK (state BETWEEN 0 AND 3), -- NEW, PENDING, CONFIRMED, CANCELLED
    facts      bigint NOT NULL,
    flow       text,
    next_due   timestamptz,
    attempts   bigint NOT NULL,
    content_id text,
    amount     bigint NOT NULL CHECK (amount >= 0),
    currency   text,
    reason     text,
    detail     text,
    placed_at  timestamptz,
    deadline   timestamptz,
    decided_at timestamptz,
    decided_by bigint NOT NULL
) WITH (fillfactor = 60);

CREATE INDEX orders_due ON orders (next_due) WHERE next_due IS NOT NULL;

-- What was placed, kept out of the row above: it is written once and read seldom.
CREATE TABLE order_content (
    order_id text COLLATE "C" PRIMARY KEY,
    body     json COMPRESSION lz4 NOT NULL
);

CREATE FUNCTION fact(n int) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1::bigint << n';

-- For people and tools: what is awaited, from whom, since when.
CREATE VIEW order_status AS
SELECT order_id,
       (ARRAY['NEW', 'PENDING', 'CONFIRMED', 'CANCELLED'])[state + 1] AS state,
       flow, amount, currency, reason, detail, placed_at, deadline, decided_at,
       state = 2 AND mailed OR state = 3 AND mailed AND paid_back AND put_back AS closed,
       CASE WHEN state = 0 THEN ARRAY['order.place']
            ELSE array_remove(ARRAY[
                CASE WHEN state = 1 AND facts & fact(7) = 0 THEN 'payment.completed' END,
                CASE WHEN state = 1 AND facts & fact(15) = 0 THEN 'inventory.reserved' END,
                CASE WHEN state = 3 AND NOT paid_back THEN 'payment.refunded or payment.voided' END,
                CASE WHEN state = 3 AND NOT put_back THEN 'inventory.released or inventory.voided' END,
                CASE WHEN state >= 2 AND NOT mailed THEN 'email.sent' END], NULL)
       END AS awaits,
       coalesce(decided_at, placed_at) AS since
FROM (SELECT *,
             facts & (fact(19) | fact(20)) <> 0 AS mailed,
             facts & (fact(10) | fact(11)) <> 0 AS paid_back,
             facts & (fact(17) | fact(18)) <> 0 AS put_back
      FROM orders) AS o;
