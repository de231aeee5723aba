// Package check reads what every client of a cluster wrote down while things were
// broken, and proves what the cluster promises: nobody missed anything without
// being told exactly what, nobody got anything twice, all saw the same.
//
// It knows nothing of the clients. A record is lines of text in the order in
// which a client was sent things (see [Line]); what a client believed is derived
// here, by the rules of the protocol.
//
// # Guarantees
//
// Each of these is a fault, with the client, the topic and the numbers
// (TestFaults):
//
//   - a number that does not follow the one before: a silent gap, a double, a
//     step back;
//   - a `truncated` that does not name exactly what is missing, or that announces
//     a loss of what the log still has to have;
//   - a change of epoch that was not announced, or back to an earlier one;
//   - two clients, or a client and an acknowledgement or the log, that disagree
//     about which message a position is;
//   - a message that stands twice in an epoch, or that nobody published;
//   - an acknowledged message that is neither in the log nor in an epoch whose
//     end was announced;
//   - an outage, or its end, that a connection was told of twice;
//   - a client that was left behind at the end, or in an epoch that is over.
//
// A record without faults has none (TestCleanRecords), also one that is full of
// announced losses (TestAnnouncedLosses). Whatever a client was sent is read back
// as it was (TestLinesSurvive, FuzzParse).
//
// # Failure
//
// A line that can not be understood is a fault, and the next one is read.
package check
