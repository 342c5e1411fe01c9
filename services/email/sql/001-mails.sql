-- One row an order; see services/order/sql/001-orders.sql for version and facts.
CREATE TABLE mails (
    order_id   text COLLATE "C" PRIMARY KEY,
    version    bigint NOT NULL,
    state      smallint NOT NULL CHECK (state BETWEEN 0 AND 3),
    facts      bigint NOT NULL,
    flow       text,
    next_due   timestamptz,
    attempts   bigint NOT NULL,
    why        text,
    detail     text,
    refusal    text,
    decided_at timestamptz
) WITH (fillfactor = 60);

CREATE INDEX mails_due ON mails (next_due) WHERE next_due IS NOT NULL;

-- The order as it was created: what the mail tells.
CREATE TABLE mail_content (
    order_id text COLLATE "C" PRIMARY KEY,
    body     json COMPRESSION lz4 NOT NULL
);

CREATE VIEW mail_status AS
SELECT order_id, (ARRAY['NEW', 'SENDING', 'SENT', 'FAILED'])[state + 1] AS state, flow, why, refusal, decided_at
FROM mails;
