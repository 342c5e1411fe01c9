-- waiting_for, which 0.1 calls awaits.
CREATE OR REPLACE VIEW order_status AS
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
       coalesce(decided_at, placed_at) AS since,
       CASE WHEN state = 0 THEN ARRAY['order.place']
            ELSE array_remove(ARRAY[
                CASE WHEN state = 1 AND facts & fact(7) = 0 THEN 'payment.completed' END,
                CASE WHEN state = 1 AND facts & fact(15) = 0 THEN 'inventory.reserved' END,
                CASE WHEN state = 3 AND NOT paid_back THEN 'payment.refunded or payment.voided' END,
                CASE WHEN state = 3 AND NOT put_back THEN 'inventory.released or inventory.voided' END,
                CASE WHEN state >= 2 AND NOT mailed THEN 'email.sent' END], NULL)
       END AS waiting_for
FROM (SELECT *,
             facts & (fact(19) | fact(20)) <> 0 AS mailed,
             facts & (fact(10) | fact(11)) <> 0 AS paid_back,
             facts & (fact(17) | fact(18)) <> 0 AS put_back
      FROM orders) AS o;
