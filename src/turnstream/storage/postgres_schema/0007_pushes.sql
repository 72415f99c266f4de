-- Clients choose the ids: each is one of its run's.
drop table turnstream.push;
create table turnstream.push (
  run_id text references turnstream.run on delete cascade, id text, config bytea not null,
  primary key (run_id, id));
