// The options of Slurm's commands that Gleaner acts as: NAME, /LETTER, = for a value, =? for one
// that may be omitted.

export const commandOptions: Readonly<Record<string, string>> = {
  squeue: `account/A= all/a array/r array-unique clusters/M= cluster= expand-patterns federation
    format/o= Format/O= help hide iterate/i= job/j= jobs= json=? licenses/L= local long/l me name/n=
    noconvert nodelist/w= noheader/h notme only-job-state partition/p= priority/P qos/q=
    reservation/R= sibling sort/S= start states/t= state= steps/s=? usage user/u= users= verbose/v
    version/V yaml=?`,
  sacct: `accounts/A= account= allclusters/L allocations/X allusers/a array batch-script/B brief/b
    cluster/M= clusters= completion/c constraints/C= delimiter= duplicates/D endtime/E= env-vars
    expand-patterns federation file/f= flags/F= format/o= gid/g= group= help/h helpformat/e job/j=
    jobs= json=? local long/l name= jobname= ncpus/I= nnodes/i= noconvert noheader/n nodelist/N=
    parsable/p parsable2/P partition/r= qos/q= reason/R= starttime/S= state/s= timelimit-max/K=
    timelimit-min/k= truncate/T uid/u= user= units= usage use-local-uid verbose/v version/V
    whole-hetjob=? wckeys/W= associations/x= yaml=?`,
  scancel: `account/A= admin-comment= batch/b clusters/M= cluster= cron/c ctld full/f help hurry/H
    interactive/i jobname/n= name= me nodelist/w= partition/p= qos/q= quiet/Q reservation/R= sibling=
    signal/s= state/t= usage user/u= verbose/v version/V wckey=`,
  sinfo: `all/a clusters/M= cluster= dead/d exact/e federation Format/O= format/o= future/F help hide
    iterate/i= json=? list-reasons/R local long/l Node/N nodes/n= noconvert noheader/h partition/p=
    reservation/T responding/r sort/S= states/t= summarize/s usage verbose/v version/V yaml=?`,
  scontrol: `all/a clusters/M= cluster= details/d federation future/F help/h hide json=? local/l
    oneliner/o quiet/Q sibling uid/u= usage verbose/v version/V yaml=?`,
};
