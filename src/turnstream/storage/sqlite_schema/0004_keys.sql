-- The hashes of the server's keys; body says of each what it opens, as JSON. A key that was revoked stays, for the list.
create table api_key (
  id text primary key, hash text not null unique, name text not null, body blob not null,
  created_at real not null, changed_at real not null, used_at real) without rowid;
