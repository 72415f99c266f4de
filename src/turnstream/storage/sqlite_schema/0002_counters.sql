-- What was used in a minute, a day, a thread: the name says which.
create table counter (name text primary key, amount integer not null, expires_at real not null) without rowid;
create index counter_by_end on counter (expires_at);
