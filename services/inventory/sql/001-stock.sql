-- on_hand is moved by stock commands only, reserved by sagas only. What is available may be negative after a stock.set.
CREATE TABLE stock (
    sku      text COLLATE "C" PRIMARY KEY,
    on_hand  bigint NOT NULL DEFAULT 0 CHECK (on_hand >= 0),
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0)
) WITH (fillfactor = 25);

-- The ids of stock commands that were applied: the one inbox there is.
CREATE TABLE stock_command (
    id         text COLLATE "C" PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row an order; see services/order/sql/001-orders.sql for version and facts.
CREATE TABLE reservation (
    order_id    text COLLATE "C" PRIMARY KEY,
    version     bigint NOT NULL,
    state       smallint NOT NULL CHECK (state BETWEEN 0 AND 4),
    facts       bigint NOT NULL,
    flow        text,
    next_due    timestamptz,
    attempts    bigint NOT NULL,
    short_sku   text,
    wanted      bigint NOT NULL,
    available   bigint NOT NULL,
    decided_at  timestamptz,
    released_at timestamptz
) WITH (fillfactor = 60);

-- The order as it was created: its lines are what is reserved.
CREATE TABLE reservation_content (
    order_id text COLLATE "C" PRIMARY KEY,
    body     json COMPRESSION lz4 NOT NULL
);

CREATE VIEW reservation_status AS
SELECT order_id, (ARRAY['NEW', 'RESERVED', 'FAILED', 'RELEASED', 'VOID'])[state + 1] AS state,
       flow, short_sku, wanted, available, decided_at, released_at
FROM reservation;
