-- What a mail tells of its order is kept as it will be printed: recipient, name, and the table of lines, a line each. A body that
-- starts with a brace is an order.created, kept by an earlier version; it is read as well.
ALTER TABLE mail_content ALTER COLUMN body TYPE text;
ALTER TABLE mail_content ALTER COLUMN body SET COMPRESSION lz4;
