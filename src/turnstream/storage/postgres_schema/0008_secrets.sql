-- What the processes of a store sign with, made by the first that needs it.
create table turnstream.secret (name text primary key, value bytea not null);
