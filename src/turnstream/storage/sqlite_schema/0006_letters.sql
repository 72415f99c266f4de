-- What is to be told to somebody outside, until it is told: `due` is the time of the next try.
create table letter (
  number integer primary key, body text not null, due real not null, tries integer not null default 0);
create index letter_by_due on letter (due);

-- Whom a client of A2A wants to be told of its task, besides those that the configuration names.
create table push (id text primary key, run_id text not null references run on delete cascade, config blob not null);
create index push_by_run on push (run_id);
