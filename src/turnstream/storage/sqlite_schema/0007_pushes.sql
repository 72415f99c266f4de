-- Clients choose the ids: each is one of its run's.
drop table push;
create table push (
  run_id text not null references run on delete cascade, id text not null, config blob not null,
  primary key (run_id, id)) without rowid;
