// Command bench measures whole paths of Troupe beside peers: the server in a
// process of its own, one cheap load client for all of them, Troupe and its
// peers in turn within the same run.
//
//	go run ./bench              everything; an hour, about
//	go run ./bench --quick      everything small, no peers; half a minute
//	go run ./bench --list       the scenarios, and the question each answers
//	go run ./bench --scenario 'fanout-1x1000-*' --rounds 5
//	go run ./bench --scenario 'redis-*'
//	go run ./bench --scenario 'pg-*' --targets troupe
//
// Results go to standard output as tables, and as Markdown and JSON to
// bench/results. Progress goes to standard error.
//
// # What is measured
//
// CPU is user and system time of the server process per delivery. Latency is
// from publishing (in open-loop scenarios: from when the publish was due) to
// when the client has read the event. The floor is a bare loop of write(2) in
// place of a server, measured by the same client in the same run.
//
// Scenarios over Redis have a redis-server of the program's own, without
// persistence, emptied before each round; Troupe and its peers take turns on it.
// What Redis itself spends is told apart. Scenarios over Postgres have a server of the program's own with PostgreSQL's
// defaults, which waits for the disk, and its schema is dropped before each round. Figures in notes are from
// elsewhere.
//
// Server and client share the machine. A round during which other processes
// took more than 8 % of the cores is repeated, a bounded number of times, and
// marked if that did not help.
//
// # Guarantees
//
//   - A run in which a message is lost, doubled or swapped, or in which a client
//     is cut off, ends with exit code 1: TestFaultsFailTheRun.
//   - Only loopback addresses are used: TestDialsThisMachineOnly in bench/load.
//   - Every process that was started is gone when the program ends, also after
//     Ctrl-C: TestStopEndsTheProcess in bench/proc.
//   - All loops are bounded in count and time.
//
// # Where things are
//
//	suite    scenarios as data, how each kind runs, rounds
//	load     the epoll client
//	wire     what the client says to each server
//	ws       frames and handshake as bytes
//	check    marks in payloads, and whether they arrive once and in order
//	stats    histogram, median, spread
//	proc     processes, CPU time, memory, metrics
//	redisd   a redis-server
//	pgd      a PostgreSQL server
//	floor    the bare loop of writes
//	inproc   programs that publish from Go, alone or over a backend
//	child    how this program starts itself as floor or as one of those
//	report   tables and JSON
//	peers    the peers' servers: a module of its own
//	chaos    a command of its own: breaks a cluster and checks what clients got
//
// Linux only: it uses epoll and /proc.
package main
