// Package redistest starts real Redis servers for tests: one, or a Cluster, on
// free ports, with their data in the test's folder, and lets a test break them.
package redistest
