-- The hashes of the server's keys; body says of each what it opens, as JSON. A key that was revoked stays, for the list.
create table turnstream.api_key (
  id text primary key, hash text not null unique, name text not null, body bytea not null,
  created_at float8 not null, changed_at float8 not null, used_at float8);
