-- Ids of invocations begin above Slurm's highest job id (67,108,863), so that a Slurm command that
-- is given one, such as `scancel $SLURM_JOB_ID` in a function, never reaches a job.

INSERT INTO sqlite_sequence (name, seq)
  SELECT 'invocation', 67108863
  WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'invocation');
UPDATE sqlite_sequence SET seq = 67108863 WHERE name = 'invocation' AND seq < 67108863;
