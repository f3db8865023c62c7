// How programs that have names of Slurm's and are Gleaner's are told from Slurm's.

/** The second line of each program that a function finds in front of its PATH. */
export const ownNameMark = "# Made by Gleaner for functions.";
