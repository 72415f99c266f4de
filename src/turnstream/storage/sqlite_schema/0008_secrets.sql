-- What the processes of a store sign with, made by the first that needs it.
create table secret (name text primary key, value blob not null) without rowid;
