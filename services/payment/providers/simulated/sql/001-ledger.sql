-- The ledger of the simulated payment provider: the outside world. No service but the provider itself writes here.
CREATE TABLE charge (
    idempotency_key text COLLATE "C" PRIMARY KEY,
    order_id        text COLLATE "C" NOT NULL,
    payment_method  text NOT NULL,
    currency        text NOT NULL,
    amount          bigint NOT NULL CHECK (amount >= 0),
    status          text NOT NULL CHECK (status IN ('captured', 'declined', 'refunded', 'blocked')),
    payment_id      uuid NOT NULL DEFAULT gen_random_uuid(),
    reason          text,
    answers_from    timestamptz NOT NULL,
    made_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE refund (
    idempotency_key text COLLATE "C" PRIMARY KEY,
    charge_key      text NOT NULL REFERENCES charge,
    amount          bigint NOT NULL,
    made_at         timestamptz NOT NULL DEFAULT now()
);
