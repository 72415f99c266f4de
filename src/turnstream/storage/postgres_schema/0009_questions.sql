-- The codes of what runs that wait ask, so that an answer finds its run; and the runs that wait, newest first.
create table turnstream.question (
  code text not null, run_id text not null references turnstream.run on delete cascade, primary key (code, run_id));
create index question_by_run on turnstream.question (run_id);
create index run_waiting on turnstream.run (created_at desc, id desc) where status = 'waiting';
insert into turnstream.question (code, run_id)
  select ask ->> 'code', run.id from turnstream.run,
    jsonb_array_elements(coalesce(convert_from(run.ending, 'UTF8')::jsonb -> 'value' -> 'asks', '[]')) ask
  where run.status = 'waiting' and coalesce(ask ->> 'code', '') <> ''
  on conflict do nothing;
