-- Calls that run in one worker at the same time. They pay for its time together: each has a part of it.

-- The call for which the worker was opened that it was to share; null: it had a place of its own, or opened one.
ALTER TABLE attempt ADD COLUMN shares_with INTEGER CHECK (shares_with >= 1);
-- Its part of wall_ms, if other calls ran in its worker meanwhile; null: all of it.
ALTER TABLE attempt ADD COLUMN share_ms INTEGER CHECK (share_ms BETWEEN 0 AND wall_ms);
