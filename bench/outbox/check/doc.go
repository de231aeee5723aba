// Package check reads what the writers and the receivers of an outbox wrote down, and proves what it promises:
// what was committed arrived once at every receiver, in the order of the commits, and nothing else did.
//
// It knows nothing of databases. A record is lines of text (see [Line]). Times are of one clock, in nanoseconds; a commit lies
// somewhere between the moment before it was asked for and the moment after it was answered.
//
// # Guarantees
//
// Each of these is a fault, with the receiver, the topic and the row (TestFaults):
//
//   - a committed row that a receiver did not get, or got twice, or in another topic;
//   - a row of a transaction or a savepoint that was rolled back, or one that nobody wrote;
//   - a row before one whose transaction had committed before this one began to;
//   - rows of a transaction and topic in another order than they were written in;
//   - a hole or a step back in the numbers of a topic, or receivers that disagree about a number;
//   - a transaction of which some was delivered and some not, if it is unknown whether it committed;
//   - a record that contradicts itself.
//
// A record without faults has none (TestCleanRecord). Lines survive being written down (FuzzParse).
//
// # Failure
//
// A line that can not be understood is a fault, and the next one is read.
package check
