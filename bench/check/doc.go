// Package check proves that what was published is what arrived.
//
// Every payload carries a [Mark]: who published it, its number, and when. The
// mark has a fixed width and stands at the start of the data, so that a client
// finds it in any protocol's bytes with one search, without decoding JSON.
//
// # Guarantees
//
//   - [Scan] finds every mark of a message, wherever a protocol put it, and
//     nothing else: TestScanFindsEveryMark, FuzzScan.
//   - [Order] counts a loss, a double and a swap, each as what it is:
//     TestOrderTellsFaults.
package check
