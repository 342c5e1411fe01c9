-- Why a stock command was refused: it would have led below zero. It is decided once, like one that was applied.
ALTER TABLE stock_command ADD COLUMN refused text;
