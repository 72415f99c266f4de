-- What is to be told to somebody outside, until it is told.
select pgmq.create('turnstream_letters');

-- Whom a client of A2A wants to be told of its task, besides those that the configuration names.
create table turnstream.push (
  id text primary key, run_id text not null references turnstream.run on delete cascade, config bytea not null);
create index push_by_run on turnstream.push (run_id);
