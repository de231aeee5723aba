// Package proc starts the servers under test and reads from /proc what they and
// everyone else on the machine cost.
//
// # Guarantees
//
//   - A server that was started ends with Stop: TestStopEndsTheProcess.
//   - It ends with this process, too, even if that is killed:
//     TestServersDieWithTheirStarter.
//   - CPU time is that of all threads of the process, user and system:
//     TestUsageSeesWork.
//
// Linux only.
package proc
