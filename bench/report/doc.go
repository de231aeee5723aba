// Package report is the results of a run: data for machines (JSON) and one
// table per scenario for people (Markdown, aligned so that a terminal shows it
// as well).
//
// # Guarantees
//
//   - What is printed is what is in the JSON; a test compares the whole text:
//     TestMarkdownIsGolden.
//   - A ratio is the median of the ratios of rounds that ran one after the other,
//     not the ratio of medians: TestRatioPairsRounds.
//   - A failed target shows its error and no figures: TestMarkdownIsGolden.
package report
