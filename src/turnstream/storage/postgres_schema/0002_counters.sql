-- What was used in a minute, a day, a thread: the name says which.
create table turnstream.counter (name text primary key, amount bigint not null, expires_at timestamptz not null);
create index counter_by_end on turnstream.counter (expires_at);
alter table turnstream.counter set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
