-- placeholder of the first helper
create table {schema}.topics (name text primary key);
