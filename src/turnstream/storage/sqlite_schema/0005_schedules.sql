-- The last nominal time of each schedule that some replica has dealt with, and the last run that it started.
create table schedule (name text primary key, at real not null, run_id text) without rowid;
