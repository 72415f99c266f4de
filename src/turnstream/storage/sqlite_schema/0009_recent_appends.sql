-- What was appended to logs since they were written last, in the order in which it was appended: each row is what all
-- runs appended at once. To insert it into run_event at once writes a page for each run.
create table recent_append (number integer primary key, appends blob not null);
