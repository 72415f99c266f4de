-- What is counted when a run is accepted, without a look at the runs themselves; and the keys that have an end.
drop index run_open;
create index run_open on run (principal, agent, thread, status) where status in ('queued', 'running', 'waiting');
create index run_queued on run (status) where status = 'queued';
create index run_key on run (created_at) where key is not null;
