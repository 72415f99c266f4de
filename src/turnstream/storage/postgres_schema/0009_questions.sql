-- The codes of what runs that wait ask, so that an answer finds its run; and the runs that wait, newest first.
create table turnstream.question (
  code text not null, run_id text not null references turnstream.run on delete cascade, primary key (code, run_id));
create index question_by_run on turnstream.question (run_id);
create index run_waiting on turnstream.run (created_at desc, id desc) where status = 'waiting';
-- No code has a backslash in it, and U+0000, which somebody may have said, would be refused.
insert into turnstream.question (code, run_id)
  select ask ->> 'code', run.id
  from (select id, convert_from(ending, 'UTF8') as ending from turnstream.run where status = 'waiting') run,
    jsonb_array_elements(
      coalesce(replace(replace(run.ending, '\\', ''), '\u0000', '')::jsonb -> 'value' -> 'asks', '[]')) ask
  where coalesce(ask ->> 'code', '') <> ''
  on conflict do nothing;
