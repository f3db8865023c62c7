// How programs that have names of Slurm's and are Gleaner's are told from Slurm's.

/** The second line of each program that a function finds in front of its PATH. */
export const ownNameMark = "# Made by Gleaner for functions.";

/** The second line of an alias that `glean install-aliases` made. */
export const aliasMark = "# Made by glean install-aliases.";
