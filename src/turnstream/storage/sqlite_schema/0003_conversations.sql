-- What a client notes about a conversation, as JSON; and how many of a run's messages, the last ones, are its answer.
alter table thread add column metadata text not null default '{}';
alter table run add column outputs integer;
