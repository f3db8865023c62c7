-- Options of submissions that were refused, so that a site sees what to enable: names, and how often. Nothing else of
-- a submission is kept.
CREATE TABLE refused_option (
  day INTEGER NOT NULL CHECK (day >= 0),
  uid INTEGER NOT NULL CHECK (uid >= 0),
  option TEXT NOT NULL,
  times INTEGER NOT NULL CHECK (times >= 1),
  PRIMARY KEY (day, uid, option)
) STRICT, WITHOUT ROWID;
