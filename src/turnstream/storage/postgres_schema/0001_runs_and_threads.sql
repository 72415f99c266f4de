-- A thread is kept under the whole of its key. Its length is the n of the next message.
create table turnstream.thread (
  principal text, agent text, id text,
  title text, length int not null default 0,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  primary key (principal, agent, id));
create index thread_by_change on turnstream.thread (principal, updated_at desc, id desc);

create table turnstream.message (
  principal text, agent text, thread text, n int,
  run_id text, body bytea not null, at timestamptz not null default now(),
  primary key (principal, agent, thread, n),
  foreign key (principal, agent, thread) references turnstream.thread on delete cascade);

-- Kept runs have a request and a log; runs that were only stored at their end have what was shown.
create table turnstream.run (
  id text primary key, principal text not null, agent text not null, thread text,
  key text, kept boolean not null, background boolean not null default false,
  request bytea, dialect text not null default '', body bytea not null default '', shown bytea not null default '',
  status text not null check (status in ('queued', 'running', 'waiting', 'finished', 'failed', 'cancelled')),
  wanted text check (wanted in ('cancel')),
  ending bytea, length int, created_at timestamptz not null default now(), ended_at timestamptz,
  unique (principal, key),
  foreign key (principal, agent, thread) references turnstream.thread on delete cascade);
create index run_by_time on turnstream.run (principal, created_at desc, id desc);
create index run_open on turnstream.run (principal, agent, thread) where status in ('queued', 'running', 'waiting');
create index run_queued on turnstream.run (created_at) where status = 'queued';
create index run_ended on turnstream.run (ended_at) where ended_at is not null;
create index run_of_thread on turnstream.run (principal, agent, thread) where thread is not null;

-- One row is one append: so many events from seq on. Two owners cannot both write at one place: the key is the fence.
create table turnstream.run_event (
  run_id text references turnstream.run on delete cascade, seq bigint, count int not null, owner uuid not null,
  events bytea not null,
  primary key (run_id, seq));
alter table turnstream.run_event alter column events set storage main;

-- Heartbeats change a row of each owned run every few seconds: room for that, and a vacuum that comes early.
select pgmq.create('turnstream_runs');
alter table pgmq.q_turnstream_runs set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
