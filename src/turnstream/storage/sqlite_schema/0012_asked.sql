-- Runs and their events in the order in which they come, so that those of one moment are side by side, and a new one
-- moves no other. What a run was asked is beside the run, whose row is written twice or more often: under its number. A
-- key is unique where there is one: the other runs need no place in an index of keys.
create table asked (number integer primary key, request blob, body blob not null default x'');
insert into asked (number, request, body) select row_number() over (order by created_at, id), request, body from run;

create table new_run (
  number integer primary key, id text not null unique, principal text not null, agent text not null, thread text,
  key text, kept integer not null, background integer not null default 0,
  dialect text not null default '', shown blob not null default x'',
  status text not null check (status in ('queued', 'running', 'waiting', 'finished', 'failed', 'cancelled')),
  wanted text check (wanted in ('cancel')), claims integer not null default 0,
  ending blob, length integer, created_at real not null, ended_at real, outputs integer,
  foreign key (principal, agent, thread) references thread on delete cascade);
insert into new_run select row_number() over (order by created_at, id), id, principal, agent, thread, key, kept,
  background, dialect, shown, status, wanted, claims, ending, length, created_at, ended_at, outputs from run;
drop table run;
alter table new_run rename to run;

create unique index run_by_key on run (principal, key) where key is not null;
create index run_by_time on run (principal, created_at);
create index run_open on run (principal, agent, thread, status) where status in ('queued', 'running', 'waiting');
create index run_queued on run (status) where status = 'queued';
create index run_waiting on run (created_at desc, id desc) where status = 'waiting';
create index run_ended on run (ended_at) where ended_at is not null;
create index run_key on run (created_at) where key is not null;
create trigger run_gone after delete on run begin delete from asked where number = old.number; end;

create table new_event (
  run integer not null references run on delete cascade, seq integer not null, count integer not null,
  owner text not null, events blob not null,
  primary key (run, seq));
insert into new_event select run.number, seq, count, owner, events from run_event join run on run.id = run_id
  order by run.number, seq;
drop table run_event;
alter table new_event rename to run_event;

create table new_push (
  run_id text not null references run (id) on delete cascade, id text not null, config blob not null,
  primary key (run_id, id)) without rowid;
insert into new_push select run_id, id, config from push;
drop table push;
alter table new_push rename to push;

create table new_question (
  code text not null, run_id text not null references run (id) on delete cascade,
  primary key (code, run_id)) without rowid;
insert into new_question select code, run_id from question;
drop table question;
alter table new_question rename to question;
create index question_by_run on question (run_id);
