-- The last nominal time of each schedule that some replica has dealt with, and the last run that it started.
create table turnstream.schedule (name text primary key, at float8 not null, run_id text);
