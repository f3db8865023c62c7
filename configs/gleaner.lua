-- A module for Lmod: `module load gleaner` makes sbatch, srun, squeue, scancel, sacct, sinfo and
-- scontrol Gleaner's. Copy it to a folder of MODULEPATH as gleaner.lua. On a controller the folder is
-- /usr/lib/gleaner/slurm-names.
whatis("Gleaner: short functions on what Slurm leaves idle, under Slurm's names")
help([[sbatch, srun, squeue, scancel, sacct, sinfo and scontrol are Gleaner's while this is loaded.
With GLEAN_FALLBACK=slurm, what Gleaner refuses goes to Slurm.]])
prepend_path("PATH", "/usr/lib/gleaner-client/slurm-names")
