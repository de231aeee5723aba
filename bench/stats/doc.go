// Package stats turns measurements into figures: a histogram of latencies that
// costs a few nanoseconds per entry, and the median and spread of rounds.
//
// # Guarantees
//
//   - A quantile is at most 1/32 above the true one: TestHistogramIsWithinItsError.
//   - Median and spread do not change what they are given: TestSummary.
package stats
