-- What is kept of an order is told by a column, never by how its text begins: 0 is a letter (recipient, name, table; a line each), 1 is an
-- order.created in JSON, as the first version kept it. A letter has line ends, JSON as we write it has none.
ALTER TABLE mails ADD COLUMN content_kind smallint NOT NULL DEFAULT 0;

UPDATE mails m SET content_kind = 1
FROM mail_content c WHERE c.order_id = m.order_id AND c.body LIKE '{%' AND position(E'\n' IN c.body) = 0;
