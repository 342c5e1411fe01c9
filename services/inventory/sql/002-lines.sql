-- What a reservation needs of its order is SKUs and quantities, a line each: "SKU TAB quantity". They are written once, with the
-- row; what was kept of older orders is brought into that form.
ALTER TABLE reservation ADD COLUMN lines text COMPRESSION lz4;

UPDATE reservation r
SET lines = (SELECT string_agg((l->>'sku') || E'\t' || (l->>'quantity') || E'\n', '' ORDER BY n)
             FROM reservation_content c, json_array_elements(c.body->'lines') WITH ORDINALITY AS e (l, n)
             WHERE c.order_id = r.order_id);

DROP TABLE reservation_content;
