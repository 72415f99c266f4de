-- The codes of what runs that wait ask, so that an answer finds its run; and the runs that wait, newest first.
create table question (
  code text not null, run_id text not null references run on delete cascade, primary key (code, run_id)) without rowid;
create index question_by_run on question (run_id);
create index run_waiting on run (created_at desc, id desc) where status = 'waiting';
insert or ignore into question (code, run_id)
  select json_extract(ask.value, '$.code'), run.id from run, json_each(cast(run.ending as text), '$.value.asks') ask
  where run.status = 'waiting' and json_extract(ask.value, '$.code') <> '';
