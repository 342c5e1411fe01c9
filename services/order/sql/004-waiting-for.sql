ALTER VIEW order_status RENAME COLUMN awaits TO waiting_for;
